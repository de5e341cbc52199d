// values.js - a value of each type that this client can write, there and back.
'use strict';
const {
    LocalDate,
    LocalTime,
    LocalDateTime,
    OffsetDateTime,
    BigDecimal,
    HazelcastJsonValue,
    UUID,
} = require('hazelcast-client');
const Long = require('long');
const { Kinds, Identified, Point, Stranger } = require('./types');
const { text } = require('./text');
const { said } = require('./harness');

const uuid = new UUID(Long.fromString('123456789'), Long.fromString('-987654321'));
const long = Long.fromString;

/** 0 and -1 are left out of the big ones: this client writes them as no byte at all and cannot read that. */
const SAMPLES = {
    boolean: [true, false],
    number: [0, -0.5, 1e300, 5],
    not_a_number: [NaN, Infinity, -Infinity],
    long: [long('0'), long('-1'), long('9223372036854775807'), long('-9223372036854775808')],
    big_integer: [
        1n,
        127n,
        128n,
        -128n,
        123456789012345678901234567890n,
        -123456789012345678901234567890n,
    ],
    decimal: ['-0.125', '123456789012345678901234567890.5', '1000'].map(BigDecimal.fromString),
    string: ['', 'plain', 'Grüße', '日本語', '😀', 'a\u0000b', '"quoted"\n'],
    uuid: [uuid],
    date: [new Date(0), new Date(-1000), new Date(1700000000123)],
    local_date: [new LocalDate(2024, 2, 29), new LocalDate(1, 1, 1), new LocalDate(9999, 12, 31)],
    local_time: [new LocalTime(0, 0, 0, 0), new LocalTime(23, 59, 59, 999999999)],
    local_date_time: [LocalDateTime.from(2024, 2, 29, 23, 59, 59, 1)],
    offset_date_time: [
        OffsetDateTime.from(2024, 2, 29, 23, 59, 59, 1, 3600),
        OffsetDateTime.from(2024, 2, 29, 0, 0, 0, 0, -64800),
    ],
    bytes: [Buffer.from([]), Buffer.from([0, 127, 128, 255])],
    array_of_boolean: [[true, false]],
    array_of_number: [[1, -2.5]],
    array_of_long: [[long('1'), long('-2')]],
    array_of_string: [['a', ''], ['b']],
    empty_array: [[]],
    json: [{ a: 1, b: [true, null, 'x'], c: { d: {} } }, {}],
    json_text: [new HazelcastJsonValue('[1, {"a": null}]')],
    compact: [Kinds.sample()],
    identified: [new Identified('me'), new Identified(null)],
    portable: [new Point(5, 'five'), new Point(-1, null)],
};

/** What comes back for each of the samples, alone and as what a remove returns. */
function roundTrip(samples) {
    return async (t) => {
        const map = await t.map();
        const texts = [];
        for (const [i, sample] of samples.entries()) {
            await map.set(`k${i}`, sample);
            texts.push(text(await map.get(`k${i}`)));
            if (text(await map.remove(`k${i}`)) !== texts[i])
                texts.push('and removed something else');
        }
        return said('[' + texts.join(', ') + ']');
    };
}

/** How many of the samples, used as keys, find their entry again. */
function asKeys(samples) {
    return async (t) => {
        const map = await t.map();
        for (const [i, sample] of samples.entries()) await map.set(sample, i);
        const found = await Promise.all(samples.map((sample) => map.get(sample)));
        return [await map.size(), found];
    };
}

const checks = {};
for (const [kind, samples] of Object.entries(SAMPLES)) checks[`value.${kind}`] = roundTrip(samples);
for (const kind of [
    'boolean',
    'number',
    'long',
    'string',
    'uuid',
    'decimal',
    'local_date',
    'bytes',
    'identified',
    'compact',
]) {
    checks[`value.${kind}_as_key`] = asKeys(SAMPLES[kind]);
}

Object.assign(checks, {
    'value.of_an_unknown_class': async (t) => {
        const map = await t.map();
        await map.set('a', new Stranger());
        return map.get('a');
    },
    'value.null_in_a_list': async (t) => {
        const map = await t.map();
        await map.set('a', [null, 'x']);
        return map.get('a');
    },
    'value.nested_list': async (t) => {
        const map = await t.map();
        await map.set('a', [[1], ['x'], []]);
        return map.get('a');
    },
});

module.exports = checks;
