// cross.js - what one language writes, the others read. The words in READ are the languages that
// have written.
'use strict';
const {
    LocalDate,
    LocalTime,
    LocalDateTime,
    OffsetDateTime,
    BigDecimal,
    UUID,
    Predicates,
} = require('hazelcast-client');
const Long = require('long');
const { Kinds, compactStaff } = require('./types');

const VALUES = {
    compact: Kinds.sample(),
    employee: compactStaff()[0][1],
    json: { a: [1, 2.5, null], b: 'x' },
    text: 'Grüße 😀',
    long: Long.fromString('-9007199254740993'),
    double: 2.5,
    boolean: true,
    uuid: new UUID(Long.fromString('123456789'), Long.fromString('-987654321')),
    decimal: BigDecimal.fromString('-12345678901234567890.125'),
    date: new LocalDate(2024, 2, 29),
    time: new LocalTime(23, 59, 58, 7000000),
    stamp: LocalDateTime.from(2024, 2, 29, 1, 2, 3, 4000000),
    zoned: OffsetDateTime.from(2024, 2, 29, 1, 2, 3, 4000000, -5400),
    words: ['a', ''],
};

const writeCross = {
    'cross.write': async (t) => {
        const map = await t.client.getMap('cross');
        for (const [kind, value] of Object.entries(VALUES)) await map.set(`node.${kind}`, value);
        return Object.keys(VALUES).length;
    },
};

function readCross() {
    const checks = {};
    for (const language of process.env.READ.split(' ')) {
        for (const kind of Object.keys(VALUES)) {
            checks[`cross.${language}_${kind}`] = async (t) =>
                (await t.client.getMap('cross')).get(`${language}.${kind}`);
        }
        checks[`cross.${language}_is_found`] = async (t) =>
            (await t.client.getMap('cross')).keySetWithPredicate(
                Predicates.and(
                    Predicates.equal('__key', `${language}.employee`),
                    Predicates.equal('department.floor', 3),
                ),
            );
    }
    return checks;
}

module.exports = { writeCross, readCross };
