package main

import (
	"fmt"
	"math"
	"math/big"
	"os"
	"strings"
	"time"

	hazelcast "github.com/hazelcast/hazelcast-go-client"
	"github.com/hazelcast/hazelcast-go-client/predicate"
	"github.com/hazelcast/hazelcast-go-client/serialization"
	"github.com/hazelcast/hazelcast-go-client/types"
)

func bigInteger(digits string) *big.Int {
	value, _ := new(big.Int).SetString(digits, 10)
	return value
}

// samples are values of each type that this client can write.
func samples() []struct {
	kind   string
	values []any
} {
	zone := time.FixedZone("", 3600)
	stamp := time.Date(2024, 2, 29, 23, 59, 59, 1, time.UTC)
	return []struct {
		kind   string
		values []any
	}{
		{"boolean", list(true, false)},
		{"byte", list(byte(0), byte(127))},
		{"short", list(int16(0), int16(32767), int16(-32768))},
		{"integer", list(int32(0), int32(-1), int32(math.MaxInt32), int32(math.MinInt32))},
		{"long", list(int64(0), int64(-1), int64(math.MaxInt64), int64(math.MinInt64))},
		{"float", list(float32(0), float32(-0.5), float32(5))},
		{"number", list(0.0, -0.5, 1e300, 5.0)},
		{"not_a_number", list(math.NaN(), math.Inf(1), math.Inf(-1))},
		{"big_integer", list(bigInteger("1"), bigInteger("127"), bigInteger("-129"), bigInteger("123456789012345678901234567890"))},
		{"decimal", list(types.NewDecimal(big.NewInt(-125), 3), amount())},
		{"string", list("", "plain", "Grüße", "日本語", "😀", "a\x00b", "\"quoted\"\n")},
		{"uuid", list(types.NewUUIDWith(123456789, 0xFFFFFFFFC521974F))},
		{"date", list(time.Unix(0, 0).UTC(), time.UnixMilli(-1000).UTC(), time.UnixMilli(1700000000123).UTC())},
		{"local_date", list(*day(2024, 2, 29), *day(1, 1, 1), *day(9999, 12, 31))},
		{"local_date_time", list(types.LocalDateTime(stamp))},
		{"offset_date_time", list(types.OffsetDateTime(time.Date(2024, 2, 29, 23, 59, 59, 1, zone)))},
		{"bytes", list([]byte{}, []byte{0, 127, 128, 255})},
		{"array_of_boolean", list([]bool{true, false})},
		{"array_of_short", list([]int16{1, -2})},
		{"array_of_int", list([]int32{1, -2})},
		{"array_of_long", list([]int64{1, -2})},
		{"array_of_float", list([]float32{1, -2.5})},
		{"array_of_double", list([]float64{1, -2.5})},
		{"array_of_string", list([]string{"a", ""})},
		{"json", list(serialization.JSON(`{"a": 1, "b": [true, null, "x"], "c": {"d": {}}}`), serialization.JSON(`{}`))},
		{"compact", list(kinds())},
		{"identified", list(&Identified{"me"}, &Identified{""})},
		{"portable", list(&Point{"five", 5}, &Point{"", -1})},
	}
}

// roundTrip is what comes back for each of the samples, from a get and from a remove.
func roundTrip(samples []any) func(m *hazelcast.Map) any {
	return func(m *hazelcast.Map) any {
		var back []any
		for _, sample := range samples {
			try(m.Set(ctx, "a", sample))
			back = append(back, got(m.Get(ctx, "a")))
			if text(got(m.Remove(ctx, "a"))) != text(back[len(back)-1]) {
				back = append(back, "and removed something else")
			}
		}
		return back
	}
}

// asKeys is how many of the samples, used as keys, find their entry again.
func asKeys(samples []any) func(m *hazelcast.Map) any {
	return func(m *hazelcast.Map) any {
		for i, sample := range samples {
			try(m.Set(ctx, sample, int64(i)))
		}
		var found []any
		for _, sample := range samples {
			found = append(found, got(m.Get(ctx, sample)))
		}
		return list(got(m.Size(ctx)), found)
	}
}

func values() []check {
	var checks []check
	for _, sample := range samples() {
		checks = append(checks, check{"value." + sample.kind, empty(roundTrip(sample.values))})
		switch sample.kind {
		case "boolean", "short", "integer", "long", "number", "string", "uuid", "decimal", "identified":
			checks = append(checks, check{"value." + sample.kind + "_as_key", empty(asKeys(sample.values))})
		}
	}
	return checks
}

// crossed is what one language writes and the others read.
func crossed() []types.Entry {
	zone := time.FixedZone("", -5400)
	return []types.Entry{
		types.NewEntry("compact", kinds()),
		types.NewEntry("employee", staff()[0]),
		types.NewEntry("json", serialization.JSON(`{"a": [1, 2.5, null], "b": "x"}`)),
		types.NewEntry("text", "Grüße 😀"),
		types.NewEntry("long", int64(-9007199254740993)),
		types.NewEntry("double", 2.5),
		types.NewEntry("boolean", true),
		types.NewEntry("uuid", types.NewUUIDWith(123456789, 0xFFFFFFFFC521974F)),
		types.NewEntry("decimal", amount()),
		types.NewEntry("date", *day(2024, 2, 29)),
		types.NewEntry("time", types.LocalTime(time.Date(0, 1, 1, 23, 59, 58, 7000000, time.UTC))),
		types.NewEntry("stamp", types.LocalDateTime(time.Date(2024, 2, 29, 1, 2, 3, 4000000, time.UTC))),
		types.NewEntry("zoned", types.OffsetDateTime(time.Date(2024, 2, 29, 1, 2, 3, 4000000, zone))),
		types.NewEntry("words", []string{"a", ""}),
	}
}

func writes() []check {
	return []check{{"cross.write", func(t *bench) any {
		m := as(t.client.GetMap(ctx, "cross"))
		for _, entry := range crossed() {
			try(m.Set(ctx, "go."+entry.Key.(string), entry.Value))
		}
		return len(crossed())
	}}}
}

// reads are checks of what the languages that READ names have written.
func reads() []check {
	var checks []check
	for _, language := range strings.Fields(os.Getenv("READ")) {
		for _, entry := range crossed() {
			checks = append(checks, check{fmt.Sprintf("cross.%s_%s", language, entry.Key), func(t *bench) any {
				return got(as(t.client.GetMap(ctx, "cross")).Get(ctx, fmt.Sprintf("%s.%s", language, entry.Key)))
			}})
		}
		checks = append(checks, check{"cross." + language + "_is_found", func(t *bench) any {
			return got(as(t.client.GetMap(ctx, "cross")).GetKeySetWithPredicate(ctx, predicate.And(
				predicate.Equal("__key", language+".employee"), predicate.Equal("department.floor", int32(3)))))
		}})
	}
	return checks
}
