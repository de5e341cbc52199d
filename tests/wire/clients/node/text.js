// text.js - the form in which results are written down: the same in every language, and the same
// each time. null, true, 5, 1.5, "text", [a, b] in order, {a, b} and {a: 1} sorted, error: Name.
'use strict';
const { HazelcastJsonValue } = require('hazelcast-client');

const PLAIN = new Set([
    'UUID',
    'BigDecimal',
    'Long',
    'LocalDate',
    'LocalTime',
    'LocalDateTime',
    'OffsetDateTime',
]);

function sorted(texts) {
    return '{' + texts.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)).join(', ') + '}';
}

function object(value) {
    const name = value.constructor ? value.constructor.name : 'Object';
    if (PLAIN.has(name)) return value.toString();
    if (Array.isArray(value)) return '[' + value.map(text).join(', ') + ']';
    if (Buffer.isBuffer(value)) return 'bytes ' + value.toString('hex');
    if (value instanceof Date) return value.toISOString();
    if (value instanceof Set) return sorted([...value].map(text));
    if (value instanceof Map) return sorted([...value].map(([k, v]) => `${text(k)}: ${text(v)}`));
    if (value instanceof HazelcastJsonValue) return text(JSON.parse(value.toString()));
    if (typeof value.toArray === 'function') return text(value.toArray());
    const fields = sorted(Object.entries(value).map(([k, v]) => `${text(k)}: ${text(v)}`));
    return name === 'Object' ? fields : name + ' ' + fields;
}

function text(value) {
    if (value === null || value === undefined) return 'null';
    if (typeof value === 'string') return JSON.stringify(value);
    if (typeof value === 'object') return object(value);
    return String(value);
}

/** What a set says, whatever collection it came in. */
function set(values) {
    return sorted(
        [...(typeof values.toArray === 'function' ? values.toArray() : values)].map(text),
    );
}

/** What a map says, from its pairs. */
function pairs(entries) {
    return sorted(entries.map(([k, v]) => `${text(k)}: ${text(v)}`));
}

/** Languages name one error differently: IllegalStateError here is IllegalStateException there. */
function error(caught) {
    const name = caught.name === 'Error' ? caught.constructor.name : caught.name;
    return 'error: ' + name.replace(/(Error|Exception)$/, '');
}

module.exports = { text, set, pairs, error };
