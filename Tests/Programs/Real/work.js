// Memory of node: texts, objects and buffers. Each line of input is a round that changes some of them and answers a digest.
const crypto = require("crypto");
const texts = [], table = new Map(), buffers = [];
for (let i = 0; i < 150000; i++) {
    texts.push(`text ${i} ` + "x".repeat(i % 200));
    table.set("key" + i, { number: i, list: [i, i + 1] });
}
for (let i = 0; i < 32; i++) buffers.push(Buffer.alloc(1 << 20, "buffer " + i + " "));
let round = 0;
function work() {
    round++;
    for (let i = round % 8; i < texts.length; i += 8) {
        texts[i] = texts[i].slice(1) + String.fromCharCode(65 + round % 26);
        table.get("key" + i).number += round;
    }
    for (const buffer of buffers) buffer.writeUInt32LE(round, (round % 256) * 4096);
    const digest = crypto.createHash("sha256");
    for (const text of texts) digest.update(text);
    for (const [key, value] of table) digest.update(key + value.number + value.list.join());
    for (const buffer of buffers) digest.update(buffer);
    console.log(`round ${round} ${digest.digest("hex")}`);
}
require("readline").createInterface({ input: process.stdin }).on("line", work);
