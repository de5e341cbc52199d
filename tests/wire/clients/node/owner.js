// owner.js HOST:PORT MAP - a client that takes the lock on "a", says so to its parent, and lives
// until it is killed.
'use strict';
const { Bench } = require('./harness');

async function own(address, name) {
    const client = await new Bench(address).connect();
    await (await client.getMap(name)).lock('a');
    process.send('locked');
}

own(...process.argv.slice(2));
