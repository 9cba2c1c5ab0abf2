// Drives a running stack's resumable uploads with the published tus client for JavaScript.
// Usage: tus_client.mjs athanor.json file

import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

// The client lies in a folder of its own; resolve it from where we are run.
const tus = createRequire(path.join(process.cwd(), 'here.js'))('tus-js-client');

const about = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const source = process.argv[3];
const content = fs.readFileSync(source);
const chunkSize = 256 * 1024;

async function call(method, route) {
    const headers = { Authorization: `Bearer ${about.api_key}` };
    return (await (await fetch(`${about.url}/v2/${route}`, { method, headers })).json()).data;
}

async function newTask() {
    const task = await call('POST', 'import/upload');
    const form = task.result.form;
    return [task.id, `${form.url}?${new URLSearchParams(form.parameters)}`];
}

async function came(id) {
    const task = await call('GET', `tasks/${id}`);
    return [task.status, task.result.files.map(file => [file.filename, file.size])];
}

// Sends it all, or until some has been taken; returns the URL to go on with.
function send(file, options, { until = Infinity } = {}) {
    return new Promise((resolve, reject) => {
        const upload = new tus.Upload(file, {
            chunkSize,
            retryDelays: [0, 200, 1000],
            ...options,
            onError: reject,
            onSuccess: () => resolve(upload.url),
            onChunkComplete: (_size, taken) => {
                if (taken >= until && taken < content.length) upload.abort().then(() => resolve(upload.url));
            }
        });
        upload.start();
    });
}

const told = {};

let [task, endpoint] = await newTask();
const metadata = { filename: 'größe.bin', filetype: 'application/octet-stream' };
const uploadUrl = await send(content, { endpoint, metadata }, { until: chunkSize });
const seen = await fetch(uploadUrl, { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0' } });
told.stopped = Number(seen.headers.get('upload-offset')) < content.length;
await send(content, { uploadUrl });
told.created = await came(task);

[task, endpoint] = await newTask();
const direct = new URLSearchParams({ upload_length: content.length, filename: 'direct.bin' });
await send(content, { uploadUrl: `${endpoint}&${direct}` });
told.direct = await came(task);

[task, endpoint] = await newTask();
await send(fs.createReadStream(source), { endpoint, metadata, uploadSize: content.length });
told.stream = await came(task);

[task, endpoint] = await newTask();
await send(content, { endpoint, metadata, uploadDataDuringCreation: true });
told.at_once = await came(task);

[task, endpoint] = await newTask();
await send(Buffer.alloc(0), { endpoint, metadata });
told.empty = await came(task);

[task, endpoint] = await newTask();
const left = await send(content, { endpoint, metadata }, { until: chunkSize });
await tus.Upload.terminate(left);
told.terminated = (await fetch(left, { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0' } })).status;

console.log(JSON.stringify(told));
