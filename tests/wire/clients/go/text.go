package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/hazelcast/hazelcast-go-client/hzerrors"
	"github.com/hazelcast/hazelcast-go-client/serialization"
	"github.com/hazelcast/hazelcast-go-client/types"
)

// said is printed as it is, because the check has made the text itself.
type said string

// text is the form in which results are written down: the same in every language, and the same
// each time. null, true, 5, 1.5, "text", [a, b] in order, {a, b} and {a: 1} sorted, error: Name.
func text(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case said:
		return string(v)
	case string:
		return quoted(v)
	case bool:
		return strconv.FormatBool(v)
	case float32:
		return number(float64(v))
	case float64:
		return number(v)
	case []byte:
		return "bytes " + hex.EncodeToString(v)
	case *big.Int:
		return v.String()
	case types.UUID:
		return v.String()
	case types.Decimal:
		return decimal(v)
	case types.Entry:
		return "[" + text(v.Key) + ", " + text(v.Value) + "]"
	case serialization.JSON:
		var parsed any
		try(json.Unmarshal(v, &parsed))
		return text(parsed)
	case map[string]any:
		return text(pairsOf(v))
	case types.LocalDate, types.LocalTime, types.LocalDateTime, types.OffsetDateTime, time.Time:
		return stamp(v)
	}
	return reflected(reflect.ValueOf(value))
}

// reflected is the text of what has no case of its own: pointers, slices, structs, integers.
func reflected(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return "null"
		}
		return text(v.Elem().Interface())
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.IsNil() {
			return "null"
		}
		items := make([]string, v.Len())
		for i := range items {
			items[i] = text(v.Index(i).Interface())
		}
		return "[" + strings.Join(items, ", ") + "]"
	case reflect.Struct:
		fields := make([]string, v.NumField())
		for i := range fields {
			fields[i] = quoted(lowered(v.Type().Field(i).Name)) + ": " + text(v.Field(i).Interface())
		}
		return v.Type().Name() + " " + braced(fields)
	}
	return fmt.Sprint(v.Interface())
}

func lowered(name string) string { return strings.ToLower(name) }

func braced(texts []string) string {
	sort.Strings(texts)
	return "{" + strings.Join(texts, ", ") + "}"
}

func quoted(word string) string {
	var quoted strings.Builder
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	try(encoder.Encode(word))
	return strings.TrimSuffix(quoted.String(), "\n")
}

func number(value float64) string {
	switch {
	case math.IsNaN(value):
		return "NaN"
	case math.IsInf(value, 0):
		return map[bool]string{true: "Infinity", false: "-Infinity"}[value > 0]
	case math.Abs(value) < 1e21:
		return strconv.FormatFloat(value, 'f', -1, 64)
	}
	return strconv.FormatFloat(value, 'g', -1, 64)
}

func decimal(value types.Decimal) string {
	digits := new(big.Int).Abs(value.UnscaledValue()).String()
	if scale := value.Scale(); scale > 0 {
		if len(digits) <= scale {
			digits = strings.Repeat("0", scale-len(digits)+1) + digits
		}
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if value.UnscaledValue().Sign() < 0 {
		return "-" + digits
	}
	return digits
}

func stamp(value any) string {
	const date = "2006-01-02"
	clock := func(t time.Time) string {
		if t.Nanosecond() == 0 {
			return t.Format("15:04:05")
		}
		return t.Format("15:04:05.000000000")
	}
	switch v := value.(type) {
	case types.LocalDate:
		return time.Time(v).Format(date)
	case types.LocalTime:
		return clock(time.Time(v))
	case types.LocalDateTime:
		return time.Time(v).Format(date) + "T" + clock(time.Time(v))
	case types.OffsetDateTime:
		return time.Time(v).Format(date) + "T" + clock(time.Time(v)) + time.Time(v).Format("-07:00")
	}
	return value.(time.Time).UTC().Format("2006-01-02T15:04:05.000Z")
}

// setOf is what a set says, whatever collection it came in.
func setOf[T any](values []T) said {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = text(value)
	}
	return said(braced(texts))
}

// entries is what a map says, from its pairs.
func entries(pairs []types.Entry) said {
	texts := make([]string, len(pairs))
	for i, pair := range pairs {
		texts[i] = text(pair.Key) + ": " + text(pair.Value)
	}
	return said(braced(texts))
}

func pairsOf(object map[string]any) said {
	pairs := make([]types.Entry, 0, len(object))
	for key, value := range object {
		pairs = append(pairs, types.NewEntry(key, value))
	}
	return entries(pairs)
}

// names are those of the errors that checks provoke; this client has values where others have types.
var names = []struct {
	err  error
	name string
}{
	{hzerrors.ErrIllegalMonitorState, "IllegalMonitorState"},
	{hzerrors.ErrIllegalArgument, "IllegalArgument"},
	{hzerrors.ErrIllegalState, "IllegalState"},
	{hzerrors.ErrIndexOutOfBounds, "IndexOutOfBounds"},
	{hzerrors.ErrHazelcastSerialization, "HazelcastSerialization"},
	{hzerrors.ErrStaleSequence, "StaleSequence"},
	{hzerrors.ErrClassCast, "ClassCast"},
	{hzerrors.ErrNilPointer, "NilPointer"},
	{hzerrors.ErrQuery, "Query"},
	{hzerrors.ErrClientNotActive, "ClientNotActive"},
	{hzerrors.ErrUndefined, "UndefinedErrorCode"},
}

func failed(caught any) said {
	err, isError := caught.(error)
	if !isError {
		return said("error: " + fmt.Sprint(caught))
	}
	for _, known := range names {
		if errors.Is(err, known.err) {
			return said("error: " + known.name)
		}
	}
	return said("error: " + fmt.Sprintf("%T", err))
}
