// query.js - predicates of each class over Compact, JSON and plain values; with indexes the answers
// stay the same; pages; aggregations.
'use strict';
const { Predicates, Aggregators } = require('hazelcast-client');
const Long = require('long');
const { compactStaff, jsonStaff } = require('./types');
const { set, pairs, error } = require('./text');
const { said, failure } = require('./harness');

const {
    equal,
    notEqual,
    greaterThan,
    greaterEqual,
    lessThan,
    lessEqual,
    between,
    like,
    ilike,
    regex,
    inPredicate,
    and,
    or,
    not,
    sql,
    alwaysTrue,
    alwaysFalse,
    instanceOf,
    paging,
} = Predicates;

/** Over the staff, as Compact and as JSON. */
const QUERIES = {
    equal_number: equal('age', 36),
    equal_fraction: equal('salary', 2500.25),
    equal_long: equal('age', Long.fromNumber(36)),
    equal_number_that_does_not_fit: equal('age', 36.5),
    equal_number_as_text: equal('age', '36'),
    equal_no_number: equal('age', 'old'),
    equal_boolean: equal('active', true),
    equal_boolean_as_text: equal('active', 'false'),
    equal_text: equal('name', 'Ada'),
    equal_null: equal('name', null),
    equal_nested: equal('department.name', 'engine'),
    equal_below_null: equal('department.name', null),
    equal_unknown_attribute: equal('nope', 1),
    equal_unknown_nested: equal('department.nope', 1),
    equal_any_item: equal('tags[any]', 'c'),
    equal_first_item: equal('tags[0]', 'math'),
    equal_item_beyond: equal('tags[5]', 'c'),
    equal_key: equal('__key', 'e3'),
    not_equal: notEqual('age', 36),
    not_equal_null: notEqual('name', null),
    not_equal_any_item: notEqual('tags[any]', 'c'),
    greater_than: greaterThan('age', 36),
    greater_equal: greaterEqual('age', 36),
    less_than: lessThan('age', 36),
    less_equal: lessEqual('age', 36),
    greater_than_text: greaterThan('name', 'Cid'),
    less_than_key: lessThan('__key', 'e3'),
    greater_than_fraction: greaterThan('age', 35.5),
    between: between('age', 25, 41),
    between_nothing: between('age', 41, 25),
    between_text: between('name', 'Bob', 'Dee'),
    in_some: inPredicate('age', 25, 52, 1000),
    in_text: inPredicate('name', 'Ada', 'Gus'),
    in_none: inPredicate('age'),
    in_with_null: inPredicate('name', 'Ada', null),
    in_keys: inPredicate('__key', 'e1', 'e8', 'nobody'),
    like_prefix: like('name', 'A%'),
    like_one_letter: like('name', '_d_'),
    like_middle: like('name', '%d%'),
    like_escaped: like('name', '\\%%'),
    like_exact: like('name', 'Bob'),
    ilike_prefix: ilike('name', 'aD%'),
    regex: regex('name', '^[A-C].*'),
    regex_is_whole: regex('name', 'd'),
    and_both: and(equal('active', true), greaterThan('age', 36)),
    and_of_none: and(),
    or_either: or(equal('name', 'Bob'), equal('age', 19)),
    or_of_none: or(),
    not_it: not(equal('active', true)),
    not_not: not(not(equal('active', true))),
    nested: or(
        and(equal('active', true), lessThan('age', 30)),
        and(not(equal('active', true)), like('name', 'G%')),
    ),
    always_true: alwaysTrue(),
    always_false: alwaysFalse(),
    sql_equal: sql("name = 'Ada'"),
    sql_equal_twice: sql('age == 36'),
    sql_not_equal: sql('age != 36'),
    sql_less_greater: sql('age <> 36'),
    sql_less: sql('age < 36'),
    sql_less_equal: sql('age <= 36'),
    sql_greater: sql('age > 36'),
    sql_greater_equal: sql('age >= 36'),
    sql_between: sql('age BETWEEN 25 AND 41'),
    sql_not_between: sql('age NOT BETWEEN 25 AND 41'),
    sql_in: sql('age IN (25, 52)'),
    sql_not_in: sql('age NOT IN (25, 52)'),
    sql_in_text: sql("name in ('Ada', 'Gus')"),
    sql_like: sql("name LIKE 'A%'"),
    sql_not_like: sql("name NOT LIKE 'A%'"),
    sql_ilike: sql("name ILIKE 'a%'"),
    sql_regex: sql("name REGEX '^[A-C].*'"),
    sql_and_or: sql('active AND age < 30 OR age = 52'),
    sql_parentheses: sql('active AND (age < 30 OR age > 50)'),
    sql_not: sql('NOT active'),
    sql_nested: sql("department.name = 'yard'"),
    sql_any: sql("tags[any] = 'c'"),
    sql_key: sql("__key = 'e3'"),
    sql_null: sql('name = null'),
    sql_fraction: sql('salary = 2500.25'),
    sql_negative: sql('age > -1'),
    sql_wrong: sql('age >>> 3'),
    sql_unclosed: sql('(age = 3'),
};

const FORMS = { compact: compactStaff, json: jsonStaff };

async function staffed(t, form) {
    const map = await t.map();
    await map.setAll(FORMS[form]());
    return map;
}

async function answer(map, predicate) {
    try {
        return set(await map.keySetWithPredicate(predicate));
    } catch (caught) {
        return error(caught);
    }
}

/** One check for each query, over a map that the first of them fills. */
function queries(form) {
    let filled;
    const checks = {};
    for (const [name, predicate] of Object.entries(QUERIES)) {
        checks[`query.${form}_${name}`] = async (t) => {
            filled = filled || staffed(t, form);
            return said(await answer(await filled, predicate));
        };
    }
    return checks;
}

/** The names of the queries whose answer is another one once the map has the indexes. */
function indexed(form, indexes) {
    return async (t) => {
        const map = await staffed(t, form);
        const before = {};
        for (const [name, predicate] of Object.entries(QUERIES))
            before[name] = await answer(map, predicate);
        for (const index of indexes) await map.addIndex(index);
        const others = [];
        for (const [name, predicate] of Object.entries(QUERIES)) {
            const after = await answer(map, predicate);
            if (after !== before[name]) others.push(`${name} ${after}`);
        }
        await map.set('e9', compactStaff()[0][1]);
        await map.delete('e1');
        return said(
            `differ: [${others.join(', ')}], changed: ${await answer(map, equal('age', 36))}`,
        );
    };
}

const INDEXES = {
    hash: ['age', 'name', 'active', 'salary', 'department.name', '__key', 'tags[any]'].map(
        (attribute) => ({ type: 'HASH', attributes: [attribute] }),
    ),
    sorted: ['age', 'name', 'active', 'salary', 'department.name', '__key', 'tags[any]'].map(
        (attribute) => ({ type: 'SORTED', attributes: [attribute] }),
    ),
    composite: [
        { type: 'SORTED', attributes: ['active', 'age'] },
        { type: 'HASH', attributes: ['name', 'age'] },
    ],
};

const indexes = {};
for (const kind of Object.keys(INDEXES)) {
    indexes[`index.compact_${kind}_same_answers`] = indexed('compact', INDEXES[kind]);
    indexes[`index.json_${kind}_same_answers`] = indexed('json', INDEXES[kind]);
}
Object.assign(indexes, {
    'index.twice': async (t) => {
        const map = await t.map();
        await map.addIndex({ type: 'HASH', attributes: ['age'] });
        return map.addIndex({ type: 'HASH', attributes: ['age'] });
    },
    'index.without_attribute': async (t) =>
        failure((await t.map()).addIndex({ type: 'HASH', attributes: [] })),
    'index.same_attribute_twice': async (t) =>
        failure((await t.map()).addIndex({ type: 'HASH', attributes: ['a', 'a'] })),
    'index.bitmap_on_numbers': async (t) => {
        const map = await staffed(t, 'compact');
        await map.addIndex({
            type: 'BITMAP',
            attributes: ['age'],
            bitmapIndexOptions: { uniqueKey: '__key', uniqueKeyTransformation: 'OBJECT' },
        });
        return [
            said(await answer(map, equal('age', 36))),
            said(await answer(map, notEqual('age', 36))),
        ];
    },
});

async function plain(t) {
    const map = await t.map();
    await map.setAll([
        ['a', 1],
        ['b', 2.5],
        ['c', -3],
        ['d', 10],
    ]);
    return map;
}
async function words(t) {
    const map = await t.map();
    await map.setAll([
        ['a', 'apple'],
        ['b', 'Bean'],
        ['c', ''],
        ['d', 'date%'],
    ]);
    return map;
}
const keys = async (map, predicate) => said(await answer(map, predicate));

const plains = {
    'query.plain_equal': async (t) => keys(await plain(t), equal('this', 2.5)),
    'query.plain_equal_long': async (t) => keys(await plain(t), equal('this', Long.fromNumber(10))),
    'query.plain_between': async (t) => keys(await plain(t), between('this', 0, 5)),
    'query.plain_less_as_text': async (t) => keys(await plain(t), lessThan('this', '2')),
    'query.plain_sql': async (t) => keys(await plain(t), sql('this > 1')),
    'query.plain_words_like': async (t) => keys(await words(t), like('this', '%\\%')),
    'query.plain_words_ilike': async (t) => keys(await words(t), ilike('this', 'b%')),
    'query.plain_words_empty': async (t) => keys(await words(t), equal('this', '')),
    'query.plain_length_attribute': async (t) => keys(await words(t), equal('length', 5)),
    'query.instance_of': async (t) => {
        const map = await t.map();
        await map.setAll([
            ['a', 1],
            ['b', 'text'],
            ['c', true],
            ['d', Long.ONE],
        ]);
        return [
            await keys(map, instanceOf('java.lang.String')),
            await keys(map, instanceOf('java.lang.Number')),
            await keys(map, instanceOf('java.lang.Long')),
            await keys(map, instanceOf('no.such.Thing')),
        ];
    },
    'query.values': async (t) =>
        said(set(await (await plain(t)).valuesWithPredicate(greaterThan('this', 1)))),
    'query.entries': async (t) =>
        said(pairs(await (await plain(t)).entrySetWithPredicate(greaterThan('this', 1)))),
    'query.of_an_empty_map': async (t) =>
        said(set(await (await t.map()).keySetWithPredicate(equal('this', 1)))),
    'query.number_keys': async (t) => {
        const map = await t.map();
        await map.setAll([
            [1, 'a'],
            [2, 'b'],
            [3, 'c'],
        ]);
        return keys(map, greaterThan('__key', 1));
    },
    'query.remove_all': async (t) => {
        const map = await staffed(t, 'compact');
        await map.removeAll(equal('active', true));
        return said(set(await map.keySet()));
    },
};

async function numbered(t) {
    const map = await t.map();
    await map.setAll(Array.from({ length: 10 }, (_, i) => [`k${i}`, 9 - i]));
    return map;
}
/** Four pages forward and two back, as `read` gives them. */
async function pages(read, predicate) {
    const list = [await read(predicate)];
    for (let i = 0; i < 3; i++) {
        predicate.nextPage();
        list.push(await read(predicate));
    }
    for (let i = 0; i < 2; i++) {
        predicate.previousPage();
        list.push(await read(predicate));
    }
    predicate.setPage(2);
    list.push(await read(predicate));
    return list;
}
const paged = {
    'paging.keys': async (t) => {
        const map = await numbered(t);
        return pages((p) => map.keySetWithPredicate(p), paging(alwaysTrue(), 4));
    },
    'paging.values': async (t) => {
        const map = await numbered(t);
        return pages((p) => map.valuesWithPredicate(p), paging(alwaysTrue(), 4));
    },
    'paging.entries': async (t) => {
        const map = await numbered(t);
        return pages((p) => map.entrySetWithPredicate(p), paging(alwaysTrue(), 4));
    },
    'paging.with_predicate': async (t) => {
        const map = await numbered(t);
        return pages((p) => map.keySetWithPredicate(p), paging(lessThan('this', 5), 2));
    },
    'paging.values_that_have_no_order': async (t) => {
        const map = await staffed(t, 'compact');
        return failure(map.valuesWithPredicate(paging(alwaysTrue(), 3)));
    },
    'paging.beyond_the_end': async (t) => {
        const map = await numbered(t);
        const predicate = paging(alwaysTrue(), 4);
        predicate.setPage(7);
        return map.keySetWithPredicate(predicate);
    },
};

const aggregate =
    (aggregator, form = 'compact') =>
    async (t) =>
        (await staffed(t, form)).aggregate(aggregator);
const A = Aggregators;
const aggregations = {
    'aggregation.count': aggregate(A.count()),
    'aggregation.count_attribute': aggregate(A.count('name')),
    'aggregation.count_json': aggregate(A.count('name'), 'json'),
    // Of an attribute it cannot be asked for: this client leaves the attribute out.
    'aggregation.distinct_values': async (t) => {
        const map = await t.map();
        await map.setAll([
            ['a', 1],
            ['b', 2],
            ['c', 1],
        ]);
        return said(set(await map.aggregate(A.distinct())));
    },
    'aggregation.double_avg': aggregate(A.doubleAvg('salary')),
    'aggregation.double_sum': aggregate(A.doubleSum('salary')),
    'aggregation.double_sum_of_integers': aggregate(A.doubleSum('age')),
    'aggregation.fixed_point_sum': aggregate(A.fixedPointSum('age')),
    'aggregation.fixed_point_sum_of_fractions': aggregate(A.fixedPointSum('salary')),
    'aggregation.floating_point_sum': aggregate(A.floatingPointSum('age')),
    'aggregation.integer_avg': aggregate(A.integerAvg('age')),
    'aggregation.integer_sum': aggregate(A.integerSum('age')),
    'aggregation.integer_sum_of_fractions': aggregate(A.integerSum('salary')),
    'aggregation.long_avg_of_integers': aggregate(A.longAvg('age')),
    'aggregation.long_sum_of_integers': aggregate(A.longSum('age')),
    'aggregation.number_avg': aggregate(A.numberAvg('age')),
    'aggregation.number_avg_json': aggregate(A.numberAvg('age'), 'json'),
    'aggregation.max': aggregate(A.max('age')),
    'aggregation.min': aggregate(A.min('age')),
    'aggregation.max_text': aggregate(A.max('name')),
    'aggregation.min_json': aggregate(A.min('salary'), 'json'),
    'aggregation.unknown_attribute': aggregate(A.max('nope')),
    'aggregation.sum_of_text': aggregate(A.doubleSum('name')),
    'aggregation.any_items': aggregate(A.count('tags[any]')),
    'aggregation.nested': aggregate(A.max('department.floor')),
    'aggregation.with_predicate': async (t) =>
        (await staffed(t, 'compact')).aggregateWithPredicate(A.count(), equal('active', true)),
    'aggregation.with_predicate_of_none': async (t) =>
        (await staffed(t, 'compact')).aggregateWithPredicate(A.max('age'), alwaysFalse()),
    'aggregation.avg_of_none': async (t) =>
        (await staffed(t, 'compact')).aggregateWithPredicate(A.doubleAvg('salary'), alwaysFalse()),
    'aggregation.sum_of_none': async (t) =>
        (await staffed(t, 'compact')).aggregateWithPredicate(A.integerSum('age'), alwaysFalse()),
    'aggregation.with_paging': async (t) =>
        (await staffed(t, 'compact')).aggregateWithPredicate(A.count(), paging(alwaysTrue(), 2)),
};

module.exports = {
    ...queries('compact'),
    ...queries('json'),
    ...plains,
    ...indexes,
    ...paged,
    ...aggregations,
};
