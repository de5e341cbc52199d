// collections.js - queue, list, set, multi map, replicated map, ring buffer, topics, counter, ids.
'use strict';
const { OverflowPolicy, Predicates } = require('hazelcast-client');
const { text, set, pairs } = require('./text');
const { said, gathered, state, failure, until, sleep } = require('./harness');

async function queueOf(t, items = ['a', 'b', 'c']) {
    const queue = await t.client.getQueue(t.unique());
    await queue.addAll(items);
    return queue;
}
const bounded = (t) => t.client.getQueue(t.unique('bounded.')); // holds 2

const queues = {
    'queue.offer_poll_in_order': async (t) => {
        const queue = await queueOf(t, []);
        return [
            await queue.offer('a'),
            await queue.offer('b'),
            await queue.peek(),
            await queue.poll(),
            await queue.poll(),
            await queue.poll(),
            await queue.peek(),
        ];
    },
    'queue.add_when_full': async (t) => {
        const queue = await bounded(t);
        return [
            await queue.add('a'),
            await queue.add('b'),
            await failure(queue.add('c')),
            await queue.size(),
        ];
    },
    'queue.offer_when_full': async (t) => {
        const queue = await bounded(t);
        await queue.addAll(['a', 'b']);
        return [
            await queue.offer('c'),
            await queue.offer('c', 100),
            await queue.remainingCapacity(),
        ];
    },
    'queue.offer_waits_for_room': async (t) => {
        const queue = await bounded(t);
        await queue.addAll(['a', 'b']);
        const offer = queue.offer('c', 20000);
        const before = await state(offer, 300);
        const taken = await queue.take();
        return [before, taken, await offer, await queue.toArray()];
    },
    'queue.put_waits_for_room': async (t) => {
        const queue = await bounded(t);
        await queue.addAll(['a', 'b']);
        const put = queue.put('c');
        const before = await state(put, 300);
        await queue.poll();
        await put;
        return [before, await queue.toArray()];
    },
    'queue.add_all_when_full': async (t) => failure((await bounded(t)).addAll(['a', 'b', 'c'])),
    'queue.poll_times_out': async (t) => (await queueOf(t, [])).poll(100),
    'queue.poll_waits': async (t) => {
        const queue = await queueOf(t, []);
        const poll = queue.poll(20000);
        await (await t.other.getQueue(t.unique())).offer('a');
        return poll;
    },
    'queue.take_waits': async (t) => {
        const queue = await queueOf(t, []);
        const take = queue.take();
        const before = await state(take, 300);
        await (await t.other.getQueue(t.unique())).offer('a');
        return [before, await take];
    },
    'queue.drain': async (t) => {
        const queue = await queueOf(t);
        const some = [];
        const rest = [];
        return [
            await queue.drainTo(some, 2),
            some,
            await queue.drainTo(rest),
            rest,
            await queue.drainTo(rest),
        ];
    },
    'queue.contains': async (t) => {
        const queue = await queueOf(t);
        return [
            await queue.contains('b'),
            await queue.contains('x'),
            await queue.containsAll(['a', 'c']),
            await queue.containsAll(['a', 'x']),
            await queue.containsAll([]),
        ];
    },
    'queue.remove': async (t) => {
        const queue = await queueOf(t, ['a', 'b', 'a']);
        return [await queue.remove('a'), await queue.remove('x'), await queue.toArray()];
    },
    'queue.remove_all_and_retain_all': async (t) => {
        const queue = await queueOf(t, ['a', 'b', 'a', 'c']);
        return [
            await queue.removeAll(['a', 'x']),
            await queue.toArray(),
            await queue.retainAll(['c']),
            await queue.retainAll(['c']),
            await queue.toArray(),
        ];
    },
    'queue.size_clear': async (t) => {
        const queue = await queueOf(t);
        return [
            await queue.size(),
            await queue.isEmpty(),
            await queue.clear(),
            await queue.size(),
            await queue.isEmpty(),
        ];
    },
    'queue.remaining_capacity': async (t) => (await queueOf(t)).remainingCapacity(),
    'queue.null_item': async (t) => failure((await queueOf(t)).offer(null)),
    'queue.listener': async (t) => listened(t, await queueOf(t, []), true),
    'queue.listener_without_values': async (t) => listened(t, await queueOf(t, []), false),
};

/** What an item listener hears of an item that comes and goes, twice over. */
async function listened(t, collection, includeValue) {
    const heard = [];
    const id = await collection.addItemListener(
        {
            itemAdded: (event) => heard.push(`added ${text(event.item)}`),
            itemRemoved: (event) => heard.push(`removed ${text(event.item)}`),
        },
        includeValue,
    );
    await collection.add('a');
    await collection.add('b');
    await collection.remove('a');
    const told = await gathered(heard, 3);
    const removed = [
        await collection.removeItemListener(id),
        await collection.removeItemListener(id),
    ];
    await collection.add('c');
    await sleep(200);
    return [told, ...removed, heard.length];
}

async function listOf(t, items = ['a', 'b', 'c', 'b']) {
    const list = await t.client.getList(t.unique());
    await list.addAll(items);
    return list;
}

const lists = {
    'list.add': async (t) => {
        const list = await listOf(t, []);
        return [await list.add('a'), await list.add('a'), await list.toArray()];
    },
    'list.add_at': async (t) => {
        const list = await listOf(t);
        return [
            await list.addAt(1, 'x'),
            await list.addAt(5, 'y'),
            await failure(list.addAt(9, 'z')),
            await list.toArray(),
        ];
    },
    'list.add_all_at': async (t) => {
        const list = await listOf(t);
        return [
            await list.addAllAt(1, ['x', 'y']),
            await list.addAllAt(0, []),
            await list.toArray(),
        ];
    },
    'list.get': async (t) => {
        const list = await listOf(t);
        return [
            await list.get(0),
            await list.get(3),
            await failure(list.get(4)),
            await failure(list.get(-1)),
        ];
    },
    'list.set': async (t) => {
        const list = await listOf(t);
        return [await list.set(1, 'x'), await failure(list.set(4, 'x')), await list.toArray()];
    },
    'list.index_of': async (t) => {
        const list = await listOf(t);
        return [
            await list.indexOf('b'),
            await list.lastIndexOf('b'),
            await list.indexOf('x'),
            await list.lastIndexOf('x'),
        ];
    },
    'list.contains': async (t) => {
        const list = await listOf(t);
        return [
            await list.contains('a'),
            await list.contains('x'),
            await list.containsAll(['a', 'c']),
            await list.containsAll(['a', 'x']),
        ];
    },
    'list.remove': async (t) => {
        const list = await listOf(t);
        return [await list.remove('b'), await list.remove('x'), await list.toArray()];
    },
    'list.remove_at': async (t) => {
        const list = await listOf(t);
        return [await list.removeAt(0), await failure(list.removeAt(9)), await list.toArray()];
    },
    'list.remove_all_and_retain_all': async (t) => {
        const list = await listOf(t);
        return [
            await list.removeAll(['b', 'x']),
            await list.removeAll(['x']),
            await list.toArray(),
            await list.retainAll(['c']),
            await list.toArray(),
        ];
    },
    'list.sub_list': async (t) => {
        const list = await listOf(t);
        return [
            await list.subList(1, 3),
            await list.subList(2, 2),
            await failure(list.subList(0, 9)),
            await failure(list.subList(3, 1)),
        ];
    },
    'list.size_clear': async (t) => {
        const list = await listOf(t);
        return [
            await list.size(),
            await list.isEmpty(),
            await list.clear(),
            await list.size(),
            await list.isEmpty(),
        ];
    },
    'list.null_item': async (t) => failure((await listOf(t)).add(null)),
    'list.listener': async (t) => listened(t, await listOf(t, []), true),
};

async function setOf(t, items = ['a', 'b', 'c']) {
    const result = await t.client.getSet(t.unique());
    await result.addAll(items);
    return result;
}
const members = async (collection) => said(set(await collection.toArray()));

const sets = {
    'set.add': async (t) => {
        const s = await setOf(t, []);
        return [await s.add('a'), await s.add('a'), await s.add('b'), await s.size()];
    },
    'set.add_all': async (t) => {
        const s = await setOf(t);
        return [await s.addAll(['a', 'd']), await s.addAll(['a']), await members(s)];
    },
    'set.contains': async (t) => {
        const s = await setOf(t);
        return [
            await s.contains('a'),
            await s.contains('x'),
            await s.containsAll(['a', 'b']),
            await s.containsAll(['a', 'x']),
        ];
    },
    'set.remove': async (t) => {
        const s = await setOf(t);
        return [await s.remove('a'), await s.remove('a'), await members(s)];
    },
    'set.remove_all_and_retain_all': async (t) => {
        const s = await setOf(t);
        return [
            await s.removeAll(['a', 'x']),
            await s.removeAll(['x']),
            await members(s),
            await s.retainAll(['c']),
            await members(s),
        ];
    },
    'set.size_clear': async (t) => {
        const s = await setOf(t);
        return [
            await s.size(),
            await s.isEmpty(),
            await s.clear(),
            await s.size(),
            await s.isEmpty(),
        ];
    },
    'set.listener': async (t) => listened(t, await setOf(t, []), true),
};

async function multiMapOf(t, kind = '') {
    const map = await t.client.getMultiMap(t.unique(kind));
    await map.put('a', 'one');
    await map.put('a', 'two');
    await map.put('b', 'one');
    return map;
}
const bag = async (values) => said(set(await values));

const multiMaps = {
    'multimap.put': async (t) => {
        const map = await multiMapOf(t);
        return [
            await map.put('a', 'one'),
            await map.put('a', 'three'),
            await map.valueCount('a'),
            await map.valueCount('x'),
            await map.size(),
        ];
    },
    'multimap.put_to_lists': async (t) => {
        const map = await multiMapOf(t, 'listed.');
        return [await map.put('a', 'one'), await map.get('a'), await map.size()];
    },
    'multimap.get': async (t) => {
        const map = await multiMapOf(t);
        return [await bag(map.get('a')), await bag(map.get('x'))];
    },
    'multimap.remove': async (t) => {
        const map = await multiMapOf(t);
        return [
            await map.remove('a', 'one'),
            await map.remove('a', 'one'),
            await bag(map.get('a')),
        ];
    },
    'multimap.remove_all': async (t) => {
        const map = await multiMapOf(t);
        return [
            await bag(map.removeAll('a')),
            await bag(map.removeAll('a')),
            await map.containsKey('a'),
            await map.size(),
        ];
    },
    'multimap.contains': async (t) => {
        const map = await multiMapOf(t);
        return [
            await map.containsKey('a'),
            await map.containsKey('x'),
            await map.containsValue('two'),
            await map.containsValue('x'),
            await map.containsEntry('b', 'one'),
            await map.containsEntry('b', 'two'),
        ];
    },
    'multimap.all': async (t) => {
        const map = await multiMapOf(t);
        return [await bag(map.keySet()), await bag(map.values()), await bag(map.entrySet())];
    },
    'multimap.put_all': async (t) => {
        const map = await multiMapOf(t);
        await map.putAll([
            ['a', ['three', 'four']],
            ['c', ['five']],
        ]);
        return bag(map.entrySet());
    },
    'multimap.clear': async (t) => {
        const map = await multiMapOf(t);
        return [await map.clear(), await map.size()];
    },
    'multimap.lock': async (t) => {
        const map = await multiMapOf(t);
        const other = await t.other.getMultiMap(t.unique());
        await map.lock('a');
        const locked = [
            await map.isLocked('a'),
            await other.tryLock('a'),
            await other.tryLock('a', 100),
            await failure(other.unlock('a')),
        ];
        await map.unlock('a');
        const free = [await other.tryLock('a'), await map.isLocked('a')];
        await map.forceUnlock('a');
        return [...locked, ...free, await map.isLocked('a')];
    },
    'multimap.lock_with_lease': async (t) => {
        const map = await multiMapOf(t);
        await map.lock('a', 1000);
        return until(async () => !(await map.isLocked('a')));
    },
    'multimap.listener': async (t) => {
        const heard = [];
        const map = await t.client.getMultiMap(t.unique());
        const entry = (kind) => (event) =>
            heard.push(`${kind} ${text(event.key)} ${text(event.oldValue)} ${text(event.value)}`);
        const id = await map.addEntryListener(
            {
                added: entry('added'),
                removed: entry('removed'),
                mapCleared: (event) => heard.push(`mapCleared ${event.numberOfAffectedEntries}`),
            },
            undefined,
            true,
        );
        await map.put('a', 'one');
        await map.put('a', 'two');
        await map.remove('a', 'one');
        await map.clear();
        return [await gathered(heard, 4), await map.removeEntryListener(id)];
    },
    'multimap.listener_of_a_key': async (t) => {
        const heard = [];
        const map = await t.client.getMultiMap(t.unique());
        await map.addEntryListener({ added: (event) => heard.push(text(event.key)) }, 'b', false);
        await map.put('a', 'one');
        await map.put('b', 'two');
        return gathered(heard, 1);
    },
};

async function replicatedOf(t) {
    const map = await t.client.getReplicatedMap(t.unique());
    await map.putAll([
        ['a', 'one'],
        ['b', 'two'],
    ]);
    await until(async () => (await map.size()) === 2);
    return map;
}

const replicated = {
    'replicated.put': async (t) => {
        const map = await t.client.getReplicatedMap(t.unique());
        return [
            await map.put('a', 'one'),
            await map.put('a', 'two'),
            await map.get('a'),
            await map.get('x'),
        ];
    },
    'replicated.remove': async (t) => {
        const map = await replicatedOf(t);
        return [await map.remove('a'), await map.remove('a'), await map.size()];
    },
    'replicated.contains': async (t) => {
        const map = await replicatedOf(t);
        return [
            await map.containsKey('a'),
            await map.containsKey('x'),
            await map.containsValue('two'),
            await map.containsValue('x'),
        ];
    },
    'replicated.all': async (t) => {
        const map = await replicatedOf(t);
        return [
            await bag(map.keySet()),
            await bag(map.values()),
            said(pairs(await map.entrySet())),
        ];
    },
    'replicated.size_clear': async (t) => {
        const map = await replicatedOf(t);
        return [
            await map.size(),
            await map.isEmpty(),
            await map.clear(),
            await map.size(),
            await map.isEmpty(),
        ];
    },
    'replicated.ttl': async (t) => {
        const map = await t.client.getReplicatedMap(t.unique());
        await map.put('a', 'one', 1000);
        return [await map.get('a'), await until(async () => (await map.get('a')) === null)];
    },
    'replicated.listener': async (t) => {
        const heard = [];
        const map = await t.client.getReplicatedMap(t.unique());
        const entry = (kind) => (event) =>
            heard.push(`${kind} ${text(event.key)} ${text(event.oldValue)} ${text(event.value)}`);
        const id = await map.addEntryListener({
            added: entry('added'),
            updated: entry('updated'),
            removed: entry('removed'),
            mapCleared: (event) => heard.push(`mapCleared ${event.numberOfAffectedEntries}`),
        });
        await map.put('a', 'one');
        await map.put('a', 'two');
        await map.remove('a');
        await map.put('b', 'one');
        await map.clear();
        return [await gathered(heard, 5), await map.removeEntryListener(id)];
    },
    'replicated.listener_of_a_key': async (t) => {
        const heard = [];
        const map = await t.client.getReplicatedMap(t.unique());
        await map.addEntryListenerToKey({ added: (event) => heard.push(text(event.key)) }, 'b');
        await map.put('a', 'one');
        await map.put('b', 'two');
        return gathered(heard, 1);
    },
    'replicated.listener_with_predicate': async (t) => {
        const heard = [];
        const map = await t.client.getReplicatedMap(t.unique());
        await map.addEntryListenerWithPredicate(
            { added: (event) => heard.push(text(event.key)) },
            Predicates.equal('this', 'two'),
        );
        await map.put('a', 'one');
        await map.put('b', 'two');
        return gathered(heard, 1);
    },
};

async function ringOf(t, items, kind = '') {
    const ring = await t.client.getRingbuffer(t.unique(kind));
    if (items.length > 0) await ring.addAll(items);
    return ring;
}
const read = (result) => {
    const items = [];
    for (let i = 0; i < result.size(); i++)
        items.push(`${result.getSequence(i)} ${text(result.get(i))}`);
    return said(
        `[${items.join(', ')}] read ${result.getReadCount()} next ${result.getNextSequenceToReadFrom()}`,
    );
};

const rings = {
    'ringbuffer.empty': async (t) => {
        const ring = await ringOf(t, []);
        return [
            await ring.capacity(),
            await ring.size(),
            await ring.headSequence(),
            await ring.tailSequence(),
            await ring.remainingCapacity(),
        ];
    },
    'ringbuffer.add': async (t) => {
        const ring = await ringOf(t, []);
        return [
            await ring.add('a'),
            await ring.add('b'),
            await ring.readOne(0),
            await ring.readOne(1),
            await ring.size(),
            await ring.tailSequence(),
        ];
    },
    'ringbuffer.add_all': async (t) => (await ringOf(t, [])).addAll(['a', 'b', 'c']),
    'ringbuffer.overwrites_the_oldest': async (t) => {
        const ring = await ringOf(t, ['a', 'b', 'c', 'd'], 'small.');
        return [
            await ring.headSequence(),
            await ring.tailSequence(),
            await ring.size(),
            await failure(ring.readOne(0)),
            await ring.readOne(1),
        ];
    },
    'ringbuffer.fail_policy_without_ttl': async (t) => {
        const ring = await ringOf(t, ['a', 'b', 'c'], 'small.');
        return [
            await ring.remainingCapacity(),
            await ring.add('d', OverflowPolicy.FAIL),
            await ring.addAll(['e', 'f'], OverflowPolicy.FAIL),
        ];
    },
    'ringbuffer.fail_policy_when_full': async (t) => {
        const ring = await ringOf(t, ['a', 'b'], 'kept.');
        return [
            await ring.remainingCapacity(),
            await ring.addAll(['c', 'd'], OverflowPolicy.FAIL),
            await ring.add('c', OverflowPolicy.FAIL),
            await ring.add('d', OverflowPolicy.FAIL),
            await ring.size(),
            await ring.remainingCapacity(),
        ];
    },
    'ringbuffer.read_one_waits': async (t) => {
        const ring = await ringOf(t, ['a']);
        const reading = ring.readOne(1);
        const before = await state(reading, 300);
        await ring.add('b');
        return [before, await reading];
    },
    'ringbuffer.read_one_beyond_next': async (t) => failure((await ringOf(t, ['a'])).readOne(5)),
    'ringbuffer.read_many': async (t) => {
        const ring = await ringOf(t, ['a', 'b', 'c']);
        return [
            read(await ring.readMany(0, 1, 2)),
            read(await ring.readMany(1, 0, 10)),
            read(await ring.readMany(3, 0, 10)),
        ];
    },
    'ringbuffer.read_many_waits': async (t) => {
        const ring = await ringOf(t, ['a']);
        const reading = ring.readMany(0, 2, 5);
        const before = await state(reading, 300);
        await ring.add('b');
        return [before, read(await reading)];
    },
    'ringbuffer.read_many_from_the_overwritten': async (t) => {
        const ring = await ringOf(t, ['a', 'b', 'c', 'd', 'e'], 'small.');
        return read(await ring.readMany(0, 1, 10));
    },
};

/** This client has only the reliable kind. */
const topics = {
    'reliable_topic.hears_what_is_said': async (t) => {
        const topic = await t.client.getReliableTopic(t.unique());
        const heard = [];
        topic.addMessageListener((message) => heard.push(text(message.messageObject)));
        await sleep(300); // a listener begins after the newest message, which it asks for first
        await topic.publish('one');
        await (await t.other.getReliableTopic(t.unique())).publish('two');
        return gathered(heard, 2);
    },
    'reliable_topic.two_listeners_and_one_removed': async (t) => {
        const topic = await t.client.getReliableTopic(t.unique());
        const heard = [];
        const id = topic.addMessageListener(() => heard.push('first'));
        topic.addMessageListener(() => heard.push('second'));
        await sleep(300);
        await topic.publish('one');
        await until(() => heard.length === 2);
        const removed = [topic.removeMessageListener(id), topic.removeMessageListener(id)];
        await topic.publish('two');
        return [await gathered(heard, 3), ...removed];
    },
};

const counters = {
    'pn_counter.all': async (t) => {
        const counter = await t.client.getPNCounter(t.unique());
        return [
            await counter.get(),
            await counter.addAndGet(5),
            await counter.getAndAdd(2),
            await counter.subtractAndGet(3),
            await counter.getAndSubtract(1),
            await counter.incrementAndGet(),
            await counter.getAndIncrement(),
            await counter.decrementAndGet(),
            await counter.getAndDecrement(),
            await counter.get(),
        ];
    },
    'pn_counter.negative': async (t) => (await t.client.getPNCounter(t.unique())).addAndGet(-7),
    'pn_counter.two_clients': async (t) => {
        await (await t.client.getPNCounter(t.unique())).addAndGet(5);
        return (await t.other.getPNCounter(t.unique())).addAndGet(1);
    },
    'flake_id.unique_and_rising': async (t) => {
        const generator = await t.client.getFlakeIdGenerator(t.unique());
        const ids = [];
        for (let i = 0; i < 250; i++) ids.push(await generator.newId());
        return [
            new Set(ids.map(String)).size,
            ids.every((id, i) => i === 0 || id.greaterThan(ids[i - 1])),
            ids[0].greaterThan(0),
        ];
    },
    'flake_id.differs_between_clients': async (t) => {
        const ids = await Promise.all(
            [t.client, t.other].map(async (client) =>
                String(await (await client.getFlakeIdGenerator(t.unique())).newId()),
            ),
        );
        return ids[0] !== ids[1];
    },
};

module.exports = {
    ...queues,
    ...lists,
    ...sets,
    ...multiMaps,
    ...replicated,
    ...rings,
    ...topics,
    ...counters,
};
