package main

import (
	"fmt"
	"reflect"

	hazelcast "github.com/hazelcast/hazelcast-go-client"
	"github.com/hazelcast/hazelcast-go-client/aggregate"
	. "github.com/hazelcast/hazelcast-go-client/predicate"
	"github.com/hazelcast/hazelcast-go-client/types"
)

type query struct {
	name string
	ask  Predicate
}

// asked are the queries over the staff, as Compact and as JSON.
func asked() []query {
	return []query{
		{"equal_number", Equal("age", int32(36))},
		{"equal_fraction", Equal("salary", 2500.25)},
		{"equal_long", Equal("age", int64(36))},
		{"equal_number_that_does_not_fit", Equal("age", 36.5)},
		{"equal_number_as_text", Equal("age", "36")},
		{"equal_no_number", Equal("age", "old")},
		{"equal_boolean", Equal("active", true)},
		{"equal_boolean_as_text", Equal("active", "false")},
		{"equal_text", Equal("name", "Ada")},
		{"equal_nested", Equal("department.name", "engine")},
		{"equal_unknown_attribute", Equal("nope", int32(1))},
		{"equal_unknown_nested", Equal("department.nope", int32(1))},
		{"equal_any_item", Equal("tags[any]", "c")},
		{"equal_first_item", Equal("tags[0]", "math")},
		{"equal_item_beyond", Equal("tags[5]", "c")},
		{"equal_key", Equal("__key", "e3")},
		{"not_equal", NotEqual("age", int32(36))},
		{"greater_than", Greater("age", int32(36))},
		{"greater_equal", GreaterOrEqual("age", int32(36))},
		{"less_than", Less("age", int32(36))},
		{"less_equal", LessOrEqual("age", int32(36))},
		{"greater_than_text", Greater("name", "Cid")},
		{"less_than_key", Less("__key", "e3")},
		{"greater_than_fraction", Greater("age", 35.5)},
		{"between", Between("age", int32(25), int32(41))},
		{"between_nothing", Between("age", int32(41), int32(25))},
		{"between_text", Between("name", "Bob", "Dee")},
		{"in_some", In("age", int32(25), int32(52), int32(1000))},
		{"in_text", In("name", "Ada", "Gus")},
		{"in_keys", In("__key", "e1", "e8", "nobody")},
		{"like_prefix", Like("name", "A%")},
		{"like_one_letter", Like("name", "_d_")},
		{"like_middle", Like("name", "%d%")},
		{"like_escaped", Like("name", "\\%%")},
		{"like_exact", Like("name", "Bob")},
		{"ilike_prefix", ILike("name", "aD%")},
		{"regex", Regex("name", "^[A-C].*")},
		{"regex_is_whole", Regex("name", "d")},
		{"and_both", And(Equal("active", true), Greater("age", int32(36)))},
		{"or_either", Or(Equal("name", "Bob"), Equal("age", int32(19)))},
		{"not_it", Not(Equal("active", true))},
		{"not_not", Not(Not(Equal("active", true)))},
		{"nested", Or(And(Equal("active", true), Less("age", int32(30))), And(Not(Equal("active", true)), Like("name", "G%")))},
		{"always_true", True()},
		{"always_false", False()},
		{"sql_between_and_in", SQL("age BETWEEN 25 AND 41 AND name IN ('Ada', 'Bob')")},
		{"sql_like_or_not", SQL("name LIKE 'A%' OR NOT active")},
		{"sql_nested", SQL("department.name = 'yard'")},
		{"sql_wrong", SQL("age >>> 3")},
	}
}

func staffed(t *bench, form string) *hazelcast.Map {
	if form == "json" {
		return t.filled(jsonStaff()...)
	}
	return t.filled(compactStaff()...)
}

func keys(m *hazelcast.Map, ask Predicate) said {
	found, err := m.GetKeySetWithPredicate(ctx, ask)
	if err != nil {
		return failed(err)
	}
	return setOf(found)
}

func queries() []check {
	var checks []check
	for _, form := range []string{"compact", "json"} {
		var filled *hazelcast.Map // by the first of them
		for _, query := range asked() {
			checks = append(checks, check{"query." + form + "_" + query.name, func(t *bench) any {
				if filled == nil {
					filled = staffed(t, form)
				}
				return keys(filled, query.ask)
			}})
		}
		for _, kind := range []string{"hash", "sorted", "composite"} {
			checks = append(checks, check{"index." + form + "_" + kind + "_same_answers", func(t *bench) any {
				return indexed(staffed(t, form), indexes(kind))
			}})
		}
	}
	return append(append(checks, plain()...), aggregations()...)
}

func indexes(kind string) []types.IndexConfig {
	if kind == "composite" {
		return []types.IndexConfig{
			{Type: types.IndexTypeSorted, Attributes: []string{"active", "age"}},
			{Type: types.IndexTypeHash, Attributes: []string{"name", "age"}},
		}
	}
	var configs []types.IndexConfig
	for _, attribute := range []string{"age", "name", "active", "salary", "department.name", "__key", "tags[any]"} {
		config := types.IndexConfig{Type: types.IndexTypeHash, Attributes: []string{attribute}}
		if kind == "sorted" {
			config.Type = types.IndexTypeSorted
		}
		configs = append(configs, config)
	}
	return configs
}

// indexed names the queries whose answer is another one once the map has the indexes.
func indexed(m *hazelcast.Map, configs []types.IndexConfig) any {
	before := map[string]said{}
	for _, query := range asked() {
		before[query.name] = keys(m, query.ask)
	}
	for _, config := range configs {
		try(m.AddIndex(ctx, config))
	}
	differ := []any{}
	for _, query := range asked() {
		if after := keys(m, query.ask); after != before[query.name] {
			differ = append(differ, query.name+" "+string(after))
		}
	}
	try(m.Set(ctx, "e9", staff()[0]))
	try(m.Delete(ctx, "e1"))
	return said(fmt.Sprintf("differ: %s, changed: %s", text(differ), keys(m, Equal("age", int32(36)))))
}

func plain() []check {
	numbers := []types.Entry{
		types.NewEntry("a", int32(1)), types.NewEntry("b", 2.5), types.NewEntry("c", int64(-3)), types.NewEntry("d", int32(10)),
	}
	mixed := []types.Entry{
		types.NewEntry("a", 1.0), types.NewEntry("b", "text"), types.NewEntry("c", true), types.NewEntry("d", int32(7)),
	}
	words := []types.Entry{
		types.NewEntry("a", "apple"), types.NewEntry("b", "Bean"), types.NewEntry("c", ""), types.NewEntry("d", "date%"),
	}
	over := func(pairs []types.Entry, ask Predicate) func(t *bench) any {
		return func(t *bench) any { return keys(t.filled(pairs...), ask) }
	}
	return []check{
		{"query.plain_equal", over(numbers, Equal("this", 2.5))},
		{"query.plain_equal_integer", over(numbers, Equal("this", int32(10)))},
		{"query.plain_between", over(numbers, Between("this", int32(0), int32(5)))},
		{"query.plain_less_as_text", over(numbers, Less("this", "2"))},
		{"query.plain_sql", over(numbers, SQL("this > 1"))},
		{"query.plain_words_like", over(words, Like("this", "%\\%"))},
		{"query.plain_words_ilike", over(words, ILike("this", "b%"))},
		{"query.plain_words_empty", over(words, Equal("this", ""))},
		{"query.instance_of", func(t *bench) any {
			m := t.filled(mixed...)
			return list(keys(m, InstanceOf("java.lang.String")), keys(m, InstanceOf("java.lang.Number")),
				keys(m, InstanceOf("java.lang.Integer")), keys(m, InstanceOf("no.such.Thing")))
		}},
		{"query.values", func(t *bench) any {
			return setOf(as(t.filled(numbers...).GetValuesWithPredicate(ctx, Greater("this", int32(1)))))
		}},
		{"query.entries", func(t *bench) any {
			return entries(as(t.filled(numbers...).GetEntrySetWithPredicate(ctx, Greater("this", int32(1)))))
		}},
		{"query.of_an_empty_map", func(t *bench) any { return keys(t.mapNow(), Equal("this", int32(1))) }},
		{"query.remove_all", func(t *bench) any {
			m := staffed(t, "compact")
			try(m.RemoveAll(ctx, Equal("active", true)))
			return setOf(as(m.GetKeySet(ctx)))
		}},
	}
}

func aggregations() []check {
	over := func(form string, how aggregate.Aggregator) func(t *bench) any {
		return func(t *bench) any { return failure(staffed(t, form).Aggregate(ctx, how)) }
	}
	some := func(how aggregate.Aggregator, ask Predicate) func(t *bench) any {
		return func(t *bench) any { return failure(staffed(t, "compact").AggregateWithPredicate(ctx, how, ask)) }
	}
	distinct := func(t *bench) any {
		set := reflect.ValueOf(as(staffed(t, "compact").Aggregate(ctx, aggregate.DistinctValues("age"))))
		var values []any
		for i := 0; i < set.Len(); i++ { // a slice whose type this client does not export
			values = append(values, set.Index(i).Interface())
		}
		return setOf(values)
	}
	return []check{
		{"aggregation.count", over("compact", aggregate.CountAll())},
		{"aggregation.count_attribute", over("compact", aggregate.Count("name"))},
		{"aggregation.count_json", over("json", aggregate.Count("name"))},
		{"aggregation.distinct", distinct},
		{"aggregation.double_avg", over("compact", aggregate.DoubleAverage("salary"))},
		{"aggregation.double_sum", over("compact", aggregate.DoubleSum("salary"))},
		{"aggregation.double_sum_of_integers", over("compact", aggregate.DoubleSum("age"))},
		{"aggregation.integer_avg", over("compact", aggregate.IntAverage("age"))},
		{"aggregation.integer_sum", over("compact", aggregate.IntSum("age"))},
		{"aggregation.integer_sum_of_fractions", over("compact", aggregate.IntSum("salary"))},
		{"aggregation.long_avg_of_integers", over("compact", aggregate.LongAverage("age"))},
		{"aggregation.long_sum_of_integers", over("compact", aggregate.LongSum("age"))},
		{"aggregation.max", over("compact", aggregate.Max("age"))},
		{"aggregation.min", over("compact", aggregate.Min("age"))},
		{"aggregation.max_text", over("compact", aggregate.Max("name"))},
		{"aggregation.min_json", over("json", aggregate.Min("salary"))},
		{"aggregation.unknown_attribute", over("compact", aggregate.Max("nope"))},
		{"aggregation.sum_of_text", over("compact", aggregate.DoubleSum("name"))},
		{"aggregation.nested", over("compact", aggregate.Max("department.floor"))},
		{"aggregation.with_predicate", some(aggregate.CountAll(), Equal("active", true))},
		{"aggregation.with_predicate_of_none", some(aggregate.Max("age"), False())},
		{"aggregation.avg_of_none", some(aggregate.DoubleAverage("salary"), False())},
		{"aggregation.sum_of_none", some(aggregate.IntSum("age"), False())},
	}
}
