// restart.js - the server is killed, and starts again empty: clients come back by themselves.
'use strict';
const { readFileSync } = require('fs');
const { text } = require('./text');
const { until, said } = require('./harness');

/** Whoever started the server starts it again as soon as it is gone. */
const kill = () =>
    process.kill(Number(readFileSync(process.env.SERVER_PID_FILE, 'utf8')), 'SIGKILL');

module.exports = {
    'restart.client_comes_back': async (t) => {
        const events = [];
        const client = await t.bench.connect({
            lifecycleListeners: [(event) => events.push(event)],
            connectionStrategy: { connectionRetry: { clusterConnectTimeoutMillis: -1 } },
        });
        const heard = [];
        const map = await client.getMap(t.unique());
        await map.addEntryListener(
            { added: (event) => heard.push(text(event.key)) },
            undefined,
            true,
        );
        await map.set('before', 'x');
        await until(() => heard.length === 1);
        const seen = events.length;
        kill();
        await until(() => events.slice(seen).includes('DISCONNECTED'));
        await until(() => events.slice(seen).includes('CONNECTED'));
        const lost = await map.get('before');
        // The listener is told to the new member in the background.
        for (let i = 0; heard.length < 2 && i < 100; i++) {
            await map.delete('after');
            await map.set('after', 'y');
            await new Promise((resolve) => setTimeout(resolve, 100));
        }
        return [
            lost,
            await map.get('after'),
            said(heard.includes('"after"') ? 'heard' : 'not heard'),
            events.slice(seen, seen + 2),
        ];
    },
};
