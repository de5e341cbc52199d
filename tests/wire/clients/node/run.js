// run.js HOST:PORT checks|after - prints a line for each check; "after" is what needs that the
// other languages have written before, and what restarts the server.
'use strict';
const { Bench, run } = require('./harness');
const { writeCross, readCross } = require('./cross');

const checks = {
    ...require('./map'),
    ...require('./values'),
    ...require('./query'),
    ...require('./collections'),
    ...require('./cluster'),
    ...writeCross,
};

async function main(address, part) {
    const bench = new Bench(address);
    await run(bench, part === 'after' ? { ...readCross(), ...require('./restart') } : checks);
    await bench.close();
}

main(process.argv[2], process.argv[3]).then(
    () => process.exit(0),
    (caught) => {
        console.error(caught);
        process.exit(1);
    },
);
