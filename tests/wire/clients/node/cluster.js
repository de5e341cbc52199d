// cluster.js - what is not one object: the objects there are, the members, the ways to connect.
'use strict';
const { text } = require('./text');
const { gathered, until, failure } = require('./harness');

/** The objects whose name has `part`, as "service name". */
async function objects(client, part) {
    const all = await client.getDistributedObjects();
    return all
        .map((object) => `${object.getServiceName().split(':').pop()} ${object.getName()}`)
        .filter((line) => line.includes(part))
        .sort();
}

const unisocket = (t) =>
    t.bench.connect({ network: { clusterMembers: [t.bench.address], smartRouting: false } });

module.exports = {
    'objects.list': async (t) => {
        const name = t.unique();
        await t.client.getMap(name);
        await t.client.getQueue(name);
        await t.client.getPNCounter(name);
        return objects(t.other, name);
    },
    'objects.listener': async (t) => {
        const heard = [];
        const id = await t.client.addDistributedObjectListener((event) => {
            if (event.objectName === t.unique())
                heard.push(`${event.eventType} ${event.serviceName.split(':').pop()}`);
        });
        await (await t.other.getMap(t.unique())).destroy();
        await (await t.other.getQueue(t.unique())).destroy();
        return [await gathered(heard, 4), await t.client.removeDistributedObjectListener(id)];
    },
    'objects.destroy_empties': async (t) => {
        const map = await t.map();
        await map.set('a', 'one');
        await map.destroy();
        const again = await t.client.getMap(t.unique());
        return [await again.size(), await again.get('a')];
    },
    'objects.name_and_service': async (t) => {
        const map = await t.map();
        return [map.getName() === t.unique(), map.getServiceName()];
    },
    'cluster.one_member': async (t) => {
        const members = t.client.getCluster().getMembers();
        return [
            members.length,
            members[0].liteMember,
            `${members[0].address}`.includes(t.bench.address.split(':')[1]),
        ];
    },
    'cluster.membership_listener': async (t) => {
        const id = t.client
            .getCluster()
            .addMembershipListener({ memberAdded() {}, memberRemoved() {} });
        return [
            t.client.getCluster().removeMembershipListener(id),
            t.client.getCluster().removeMembershipListener(id),
        ];
    },
    'cluster.partitions': async (t) => {
        const service = t.client.getPartitionService();
        await until(() => service.getPartitionCount() > 0);
        const map = await t.map();
        return [
            service.getPartitionCount(),
            ['a', 'b', 'key', ''].map((key) => service.getPartitionId(key)),
            map.getServiceName(),
        ];
    },
    'cluster.wrong_name_is_refused': async (t) =>
        failure(
            t.bench.connect({
                clusterName: 'another',
                connectionStrategy: { connectionRetry: { clusterConnectTimeoutMillis: 1000 } },
            }),
        ),
    'cluster.client_has_a_name': async (t) => {
        const client = await t.bench.connect({
            instanceName: 'named',
            clientLabels: ['red', 'blue'],
        });
        return client.getLocalEndpoint().name;
    },
    'cluster.lifecycle': async (t) => {
        const heard = [];
        const client = await t.bench.connect({
            lifecycleListeners: [(event) => heard.push(event)],
        });
        const running = client.getLifecycleService().isRunning();
        await client.shutdown();
        return [
            running,
            client.getLifecycleService().isRunning(),
            heard,
            await failure(client.getMap('any')),
        ];
    },
    'cluster.statistics': async (t) => {
        const client = await t.bench.connect({
            metrics: { enabled: true, collectionFrequencySeconds: 1 },
        });
        const map = await client.getMap(t.unique());
        await map.set('a', 'one');
        await new Promise((resolve) => setTimeout(resolve, 2500));
        return map.get('a');
    },
    'unisocket.map': async (t) => {
        const map = await (await unisocket(t)).getMap(t.unique());
        await map.putAll(Array.from({ length: 50 }, (_, i) => [`k${i}`, i]));
        const got = await Promise.all(Array.from({ length: 50 }, (_, i) => map.get(`k${i}`)));
        return [
            await map.size(),
            got.every((value, i) => value === i),
            await map.containsKey('k7'),
            await map.remove('k7'),
        ];
    },
    'unisocket.listener': async (t) => {
        const heard = [];
        const map = await (await unisocket(t)).getMap(t.unique());
        await map.addEntryListener(
            { added: (event) => heard.push(`${text(event.key)} ${text(event.value)}`) },
            undefined,
            true,
        );
        await (
            await t.map()
        ).setAll([
            ['a', 'one'],
            ['b', 'two'],
        ]);
        return gathered(heard, 2);
    },
    'unisocket.queue_and_lock': async (t) => {
        const client = await unisocket(t);
        const queue = await client.getQueue(t.unique());
        await queue.offer('a');
        const map = await client.getMap(t.unique());
        await map.lock('a');
        return [await queue.poll(), await (await t.sameMap()).tryLock('a')];
    },
};
