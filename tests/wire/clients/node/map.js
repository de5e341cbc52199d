// map.js - a map, entry by entry: writes, lives that end, locks, listeners, the near cache.
'use strict';
const { fork } = require('child_process');
const path = require('path');
const { Predicates } = require('hazelcast-client');
const { UnknownProcessor } = require('./types');
const { text, set, pairs } = require('./text');
const { said, until, gathered, state, failure, sleep } = require('./harness');

async function filled(
    t,
    entries = [
        ['a', 'one'],
        ['b', 'two'],
        ['c', 'three'],
    ],
) {
    const map = await t.map();
    await map.setAll(entries);
    return map;
}
const gone = (map, key) => until(async () => !(await map.containsKey(key)));
const content = async (map) => said(pairs(await map.entrySet()));

const writes = {
    'map.get_missing': async (t) => (await t.map()).get('nobody'),
    'map.put_returns_old': async (t) => {
        const map = await t.map();
        return [await map.put('a', 'one'), await map.put('a', 'two'), await map.get('a')];
    },
    'map.put_null_key': async (t) => (await t.map()).put(null, 'x'),
    'map.put_null_value': async (t) => (await t.map()).put('a', null),
    'map.set_overwrites': async (t) => {
        const map = await filled(t);
        return [await map.set('a', 'new'), await map.get('a')];
    },
    'map.empty_key_and_value': async (t) => {
        const map = await t.map();
        await map.put('', '');
        return [await map.get(''), await map.size()];
    },
    'map.remove_returns_old': async (t) => {
        const map = await filled(t);
        return [await map.remove('a'), await map.remove('a'), await map.size()];
    },
    'map.remove_if_same': async (t) => {
        const map = await filled(t);
        return [
            await map.remove('a', 'two'),
            await map.remove('a', 'one'),
            await map.remove('a', 'one'),
        ];
    },
    'map.delete': async (t) => {
        const map = await filled(t);
        return [await map.delete('a'), await map.delete('nobody'), await map.size()];
    },
    'map.replace': async (t) => {
        const map = await filled(t);
        return [
            await map.replace('a', 'new'),
            await map.replace('nobody', 'x'),
            await map.get('a'),
            await map.get('nobody'),
        ];
    },
    'map.replace_if_same': async (t) => {
        const map = await filled(t);
        return [
            await map.replaceIfSame('a', 'two', 'x'),
            await map.replaceIfSame('a', 'one', 'new'),
            await map.replaceIfSame('nobody', 'one', 'x'),
            await map.get('a'),
        ];
    },
    'map.put_if_absent': async (t) => {
        const map = await filled(t);
        return [
            await map.putIfAbsent('a', 'x'),
            await map.putIfAbsent('d', 'four'),
            await map.get('a'),
            await map.get('d'),
        ];
    },
    'map.put_transient': async (t) => {
        const map = await filled(t);
        return [await map.putTransient('a', 'new'), await map.get('a')];
    },
    'map.try_put': async (t) => {
        const map = await filled(t);
        return [await map.tryPut('a', 'new', 1000), await map.get('a')];
    },
    'map.try_put_locked': async (t) => {
        const map = await filled(t);
        await (await t.sameMap()).lock('a');
        return [await map.tryPut('a', 'new', 100), await map.get('a')];
    },
    'map.try_remove': async (t) => {
        const map = await filled(t);
        return [
            await map.tryRemove('a', 1000),
            await map.tryRemove('nobody', 1000),
            await map.size(),
        ];
    },
    'map.try_remove_locked': async (t) => {
        const map = await filled(t);
        await (await t.sameMap()).lock('a');
        return [await map.tryRemove('a', 100), await map.get('a')];
    },
    'map.contains_key': async (t) => {
        const map = await filled(t);
        return [await map.containsKey('a'), await map.containsKey('nobody')];
    },
    'map.contains_value': async (t) => {
        const map = await filled(t);
        return [await map.containsValue('one'), await map.containsValue('nothing')];
    },
    'map.key_types_are_different_keys': async (t) => {
        const map = await t.map();
        await map.set('1', 'text');
        await map.set(1, 'number');
        await map.set(true, 'truth');
        return [await map.get('1'), await map.get(1), await map.get(true), await map.size()];
    },
    'map.get_all': async (t) => said(pairs(await (await filled(t)).getAll(['a', 'c', 'nobody']))),
    'map.get_all_of_none': async (t) => said(pairs(await (await filled(t)).getAll([]))),
    'map.put_all': async (t) => {
        const map = await filled(t);
        await map.putAll([
            ['a', 'new'],
            ['d', 'four'],
        ]);
        return content(map);
    },
    'map.put_all_of_none': async (t) => {
        const map = await t.map();
        await map.putAll([]);
        return map.size();
    },
    'map.set_all': async (t) => {
        const map = await filled(t);
        await map.setAll([
            ['a', 'new'],
            ['e', 'five'],
        ]);
        return content(map);
    },
    'map.size_and_empty': async (t) => {
        const map = await t.map();
        const before = [await map.size(), await map.isEmpty()];
        await map.set('a', 1);
        return [...before, await map.size(), await map.isEmpty()];
    },
    'map.clear': async (t) => {
        const map = await filled(t);
        return [await map.clear(), await map.size(), await map.get('a')];
    },
    'map.evict': async (t) => {
        const map = await filled(t);
        return [
            await map.evict('a'),
            await map.evict('nobody'),
            await map.get('a'),
            await map.size(),
        ];
    },
    'map.evict_locked': async (t) => {
        const map = await filled(t);
        await map.lock('a');
        return [await map.evict('a'), await map.get('a')];
    },
    'map.evict_all_spares_locked': async (t) => {
        const map = await filled(t);
        await map.lock('a');
        await map.evictAll();
        return content(map);
    },
    'map.flush': async (t) => (await filled(t)).flush(),
    'map.load_all_without_store': async (t) => {
        const map = await filled(t);
        return [await map.loadAll(), await map.loadAll(['a']), await map.size()];
    },
    'map.key_set': async (t) => said(set(await (await filled(t)).keySet())),
    'map.values': async (t) => said(set(await (await filled(t)).values())),
    'map.entry_set': async (t) => content(await filled(t)),
    'map.all_of_an_empty_map': async (t) => {
        const map = await t.map();
        return [await map.keySet(), await map.values(), await map.entrySet()];
    },
    'map.remove_all': async (t) => {
        const map = await filled(t);
        await map.removeAll(Predicates.like('this', 't%'));
        return content(map);
    },
    'map.large_value': async (t) => {
        const map = await t.map();
        await map.set('a', 'x'.repeat(1000000));
        return (await map.get('a')).length;
    },
    'map.many_entries': async (t) => {
        const map = await t.map();
        await map.setAll(Array.from({ length: 2000 }, (_, i) => [`k${i}`, i]));
        const values = (await map.values()).toArray();
        return [await map.size(), values.length, values.reduce((a, b) => a + b, 0)];
    },
    'map.hundred_at_once': async (t) => {
        const map = await t.map();
        const numbers = Array.from({ length: 100 }, (_, i) => i);
        await Promise.all(numbers.map((i) => map.put(`k${i}`, i)));
        const got = await Promise.all(numbers.map((i) => map.get(`k${i}`)));
        return [await map.size(), got.every((value, i) => value === i)];
    },
};

const lives = {
    'map.put_with_ttl': async (t) => {
        const map = await t.map();
        await map.put('a', 'one', 1000);
        return [await map.get('a'), await gone(map, 'a'), await map.get('a'), await map.size()];
    },
    'map.set_with_ttl': async (t) => {
        const map = await t.map();
        await map.set('a', 'one', 1000);
        return [await map.get('a'), await gone(map, 'a')];
    },
    'map.put_if_absent_with_ttl': async (t) => {
        const map = await t.map();
        const old = await map.putIfAbsent('a', 'one', 1000);
        return [old, await map.get('a'), await gone(map, 'a'), await map.putIfAbsent('a', 'two')];
    },
    'map.put_transient_with_ttl': async (t) => {
        const map = await t.map();
        await map.putTransient('a', 'one', 1000);
        return gone(map, 'a');
    },
    'map.max_idle': async (t) => {
        const map = await t.map();
        await map.put('a', 'one', 0, 1500);
        await sleep(4000);
        return map.get('a');
    },
    'map.max_idle_is_put_off_by_reading': async (t) => {
        const map = await t.map();
        await map.put('a', 'one', 0, 3000);
        for (let i = 0; i < 12; i++) {
            await map.get('a');
            await sleep(500);
        }
        return map.get('a');
    },
    'map.set_ttl': async (t) => {
        const map = await filled(t);
        return [
            await map.setTtl('a', 1000),
            await gone(map, 'a'),
            await map.setTtl('nobody', 1000),
            await map.size(),
        ];
    },
    'map.set_ttl_for_ever': async (t) => {
        const map = await t.map();
        await map.put('a', 'one', 2000);
        const done = await map.setTtl('a', 0);
        await sleep(3500);
        return [done, await map.get('a')];
    },
    'map.ttl_is_renewed_by_a_put': async (t) => {
        const map = await t.map();
        await map.put('a', 'one', 2000);
        await map.put('a', 'two');
        await sleep(3500);
        return map.get('a');
    },
    'map.entry_view': async (t) => {
        const map = await t.map();
        await map.put('a', 'one', 60000, 30000);
        await map.get('a');
        await map.put('a', 'two', 60000, 30000);
        const view = await map.getEntryView('a');
        return [
            view.key,
            view.value,
            view.hits,
            view.version,
            view.ttl,
            view.maxIdle,
            view.expirationTime.greaterThan(view.creationTime),
        ];
    },
    'map.entry_view_without_end': async (t) => {
        const view = await (await filled(t)).getEntryView('a');
        return [
            view.key,
            view.value,
            view.hits,
            view.version,
            view.ttl,
            view.maxIdle,
            view.expirationTime,
        ];
    },
    'map.entry_view_missing': async (t) => (await t.map()).getEntryView('nobody'),
};

const locks = {
    'lock.is_reentrant': async (t) => {
        const map = await filled(t);
        await map.lock('a');
        await map.lock('a');
        await map.unlock('a');
        const once = await map.isLocked('a');
        await map.unlock('a');
        return [once, await map.isLocked('a')];
    },
    'lock.of_a_missing_key': async (t) => {
        const map = await t.map();
        await map.lock('nobody');
        return [await map.isLocked('nobody'), await map.containsKey('nobody'), await map.size()];
    },
    'lock.unlock_unlocked': async (t) => (await t.map()).unlock('a'),
    'lock.unlock_by_non_owner': async (t) => {
        await (await t.map()).lock('a');
        return (await t.sameMap()).unlock('a');
    },
    'lock.force_unlock_by_non_owner': async (t) => {
        const map = await t.map();
        await map.lock('a');
        await map.lock('a');
        await (await t.sameMap()).forceUnlock('a');
        return map.isLocked('a');
    },
    'lock.try_lock': async (t) => {
        const map = await t.map();
        const other = await t.sameMap();
        return [
            await map.tryLock('a'),
            await other.tryLock('a'),
            await other.tryLock('a', 100),
            await map.tryLock('a'),
        ];
    },
    'lock.try_lock_waits': async (t) => {
        const map = await t.map();
        await map.lock('a');
        const waiting = (await t.sameMap()).tryLock('a', 20000);
        await map.unlock('a');
        return waiting;
    },
    'lock.lease_ends': async (t) => {
        const map = await t.map();
        await map.lock('a', 1000);
        const first = await map.isLocked('a');
        return [
            first,
            await until(async () => !(await map.isLocked('a'))),
            await failure(map.unlock('a')),
        ];
    },
    'lock.try_lock_with_lease': async (t) => {
        const map = await t.map();
        return [await map.tryLock('a', 1000, 1000), await (await t.sameMap()).tryLock('a', 20000)];
    },
    'lock.blocks_a_put': async (t) => {
        const map = await filled(t);
        await map.lock('a');
        const put = (await t.sameMap()).put('a', 'new');
        const before = await state(put, 500);
        await map.unlock('a');
        return [before, await put, await map.get('a')];
    },
    'lock.does_not_block_a_get': async (t) => {
        await (await filled(t)).lock('a');
        return (await t.sameMap()).get('a');
    },
    'lock.owner_may_put': async (t) => {
        const map = await filled(t);
        await map.lock('a');
        return [await map.put('a', 'new'), await map.remove('a'), await map.isLocked('a')];
    },
    'lock.freed_when_its_owner_leaves': async (t) => {
        const owner = await t.bench.connect();
        await (await owner.getMap(t.unique())).lock('a');
        const map = await t.map();
        const before = await map.isLocked('a');
        await owner.shutdown();
        return [before, await until(async () => !(await map.isLocked('a')))];
    },
    'lock.freed_when_its_owner_is_killed': async (t) => {
        const owner = fork(path.join(__dirname, 'owner.js'), [t.bench.address, t.unique()]);
        await new Promise((resolve) => owner.once('message', resolve));
        const map = await t.map();
        const before = await map.isLocked('a');
        owner.kill('SIGKILL');
        return [before, await until(async () => !(await map.isLocked('a')))];
    },
    'lock.waits_in_line': async (t) => {
        const map = await t.map();
        await map.lock('a');
        const waiting = (await t.sameMap()).lock('a');
        const before = await state(waiting, 300);
        await map.unlock('a');
        await waiting;
        return [before, await failure(map.unlock('a'))];
    },
};

/** A listener that writes down all it hears. */
function recorder() {
    const heard = [];
    const entry = (kind) => (event) =>
        heard.push(`${kind} ${text(event.key)} ${text(event.oldValue)} ${text(event.value)}`);
    const whole = (kind) => (event) => heard.push(`${kind} ${event.numberOfAffectedEntries}`);
    const listener = {};
    for (const kind of ['added', 'updated', 'removed', 'evicted', 'expired'])
        listener[kind] = entry(kind);
    for (const kind of ['mapCleared', 'mapEvicted']) listener[kind] = whole(kind);
    return { heard, listener };
}

async function changed(map) {
    await map.put('a', 'one');
    await map.put('a', 'two');
    await map.put('b', 'xyz');
    await map.remove('a');
    await map.evict('b');
}

const listeners = {
    'listener.all_events': async (t) => {
        const { heard, listener } = recorder();
        const map = await t.map();
        await map.addEntryListener(listener, undefined, true);
        await changed(map);
        return gathered(heard, 5);
    },
    'listener.without_values': async (t) => {
        const { heard, listener } = recorder();
        const map = await t.map();
        await map.addEntryListener(listener, undefined, false);
        await changed(map);
        return gathered(heard, 5);
    },
    'listener.of_a_key': async (t) => {
        const { heard, listener } = recorder();
        const map = await t.map();
        await map.addEntryListener(listener, 'b', true);
        await changed(map);
        return gathered(heard, 2);
    },
    'listener.with_predicate': async (t) => {
        const { heard, listener } = recorder();
        const map = await t.map();
        await map.addEntryListenerWithPredicate(
            listener,
            Predicates.equal('this', 'two'),
            undefined,
            true,
        );
        await changed(map);
        return gathered(heard, 2);
    },
    'listener.with_predicate_leaving_it': async (t) => {
        const { heard, listener } = recorder();
        const map = await t.map();
        await map.addEntryListenerWithPredicate(
            listener,
            Predicates.equal('this', 'one'),
            undefined,
            true,
        );
        await map.put('a', 'one');
        await map.put('a', 'two');
        await map.put('a', 'one');
        return gathered(heard, 3);
    },
    'listener.with_predicate_of_a_key': async (t) => {
        const { heard, listener } = recorder();
        const map = await t.map();
        await map.addEntryListenerWithPredicate(listener, Predicates.alwaysTrue(), 'a', true);
        await changed(map);
        return gathered(heard, 3);
    },
    'listener.some_kinds_only': async (t) => {
        const { heard, listener } = recorder();
        const map = await t.map();
        await map.addEntryListener({ removed: listener.removed }, undefined, true);
        await changed(map);
        return gathered(heard, 1);
    },
    'listener.hears_another_client': async (t) => {
        const { heard, listener } = recorder();
        await (await t.map()).addEntryListener(listener, undefined, true);
        await (await t.sameMap()).set('a', 'one');
        return gathered(heard, 1);
    },
    'listener.expired': async (t) => {
        const { heard, listener } = recorder();
        const map = await t.map();
        await map.addEntryListener(listener, undefined, true);
        await map.set('a', 'one', 1000);
        await gone(map, 'a');
        return gathered(heard, 2);
    },
    'listener.clear': async (t) => {
        const { heard, listener } = recorder();
        const map = await filled(t);
        await map.addEntryListener(listener, undefined, true);
        await map.clear();
        return gathered(heard, 1);
    },
    'listener.evict_all': async (t) => {
        const { heard, listener } = recorder();
        const map = await filled(t);
        await map.addEntryListener(listener, undefined, true);
        await map.evictAll();
        return gathered(heard, 1);
    },
    'listener.bulk_writes': async (t) => {
        const { heard, listener } = recorder();
        const map = await t.map();
        await map.addEntryListener(listener, undefined, true);
        await map.putAll([
            ['a', 'one'],
            ['b', 'two'],
        ]);
        await map.setAll([['a', 'new']]);
        await map.removeAll(Predicates.equal('this', 'two'));
        return gathered(heard, 4);
    },
    'listener.set_tells_no_old_value': async (t) => {
        const { heard, listener } = recorder();
        const map = await filled(t, [['a', 'one']]);
        await map.addEntryListener(listener, undefined, true);
        await map.set('a', 'two');
        await map.delete('a');
        return gathered(heard, 2);
    },
    'listener.removed_hears_nothing': async (t) => {
        const { heard, listener } = recorder();
        const map = await t.map();
        const id = await map.addEntryListener(listener, undefined, true);
        const removed = [await map.removeEntryListener(id), await map.removeEntryListener(id)];
        await map.put('a', 'one');
        await sleep(300);
        return [...removed, heard.length];
    },
};

const others = {
    'processor.unknown_on_key': async (t) =>
        (await filled(t)).executeOnKey('a', new UnknownProcessor()),
    'processor.unknown_on_entries': async (t) =>
        (await filled(t)).executeOnEntries(new UnknownProcessor()),
    'near_cache.serves_and_is_invalidated': async (t) => {
        const near = await t.bench.connect({
            nearCaches: { 'node.near_cache*': { invalidateOnChange: true } },
        });
        const map = await near.getMap(t.unique());
        const writer = await t.map();
        await writer.set('a', 'one');
        const first = [await map.get('a'), await map.get('a')];
        await writer.set('a', 'two');
        await until(async () => (await map.get('a')) === 'two');
        const second = await map.get('a');
        await writer.clear();
        await until(async () => (await map.get('a')) === null);
        return [...first, second, await map.get('a')];
    },
    'near_cache.own_writes_are_seen': async (t) => {
        const near = await t.bench.connect({ nearCaches: { 'node.near_cache*': {} } });
        const map = await near.getMap(t.unique());
        await map.set('a', 'one');
        const first = await map.get('a');
        await map.set('a', 'two');
        const second = await map.get('a');
        await map.remove('a');
        return [first, second, await map.get('a')];
    },
};

module.exports = { ...writes, ...lives, ...locks, ...listeners, ...others };
