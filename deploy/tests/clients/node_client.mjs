// Drives a running stack with the published Node client: upload, convert, export, wait, download.
// Usage: node_client.mjs athanor.json input.docx output-folder

import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

// The client lies in a folder of its own; resolve it from where we are run.
const found = createRequire(path.join(process.cwd(), 'here.js'))('cloudconvert');
const CloudConvert = found.default ?? found;

const about = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const [source, output] = process.argv.slice(3);
const client = new CloudConvert(about.api_key);
// The client's hosts are fixed; every call goes through this one method.
const call = client.callWithBase.bind(client);
client.callWithBase = (base, method, route, ...rest) => {
    if (!base.includes('cloudconvert.com')) return call(base, method, route, ...rest);
    return call(`${base.includes('sync.') ? about.sync_url : about.url}/v2/`, method, route, ...rest);
};

const me = await client.users.me();
let job = await client.jobs.create({
    tag: 'node-client',
    tasks: {
        upload: { operation: 'import/upload' },
        convert: { operation: 'convert', input: 'upload', output_format: 'pdf' },
        export: { operation: 'export/url', input: 'convert' }
    }
});
const created = job.status;
const upload = job.tasks.find(task => task.name === 'upload');
await client.tasks.upload(upload, fs.createReadStream(source), 'my file (1) ü.docx', fs.statSync(source).size);
job = await client.jobs.wait(job.id);
const [file] = client.jobs.getExportUrls(job);
const answer = await fetch(file.url);
fs.writeFileSync(path.join(output, 'node.pdf'), Buffer.from(await answer.arrayBuffer()));

const task = await client.tasks.create('import/upload');
const cancelled = await client.tasks.cancel(task.id);
let refused;
try {
    await client.jobs.create({ tasks: {} });
} catch (error) {
    refused = await error.cause.json();
}
const listed = await client.jobs.all({ filter: { tag: 'node-client' } });
await client.jobs.delete(job.id);

console.log(
    JSON.stringify({
        user: Number.isInteger(me.id),
        created,
        ended: job.status,
        file: file.filename,
        type: answer.headers.get('content-type'),
        cancelled: [cancelled.status, cancelled.code],
        refused: refused.errors,
        listed: listed.map(each => each.id === job.id)
    })
);
