// run.js HOST:PORT checks|cross|restart - prints a line for each check: those of this language
// alone, those that read what all languages have written, those that kill the server.
'use strict';
const { Bench, run } = require('./harness');
const { writeCross, readCross } = require('./cross');

const PARTS = {
    checks: {
        ...require('./map'),
        ...require('./values'),
        ...require('./query'),
        ...require('./collections'),
        ...require('./cluster'),
        ...writeCross,
    },
    cross: readCross(),
    restart: require('./restart'),
};

async function main(address, part) {
    const bench = new Bench(address);
    await run(bench, PARTS[part]);
    await bench.close();
}

main(process.argv[2], process.argv[3]).then(
    () => process.exit(0),
    (caught) => {
        console.error(caught);
        process.exit(1);
    },
);
