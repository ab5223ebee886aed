// Hashes files beside the page, so that it stays quick. Plain JavaScript: the browser's own hashing
// exists only on secure origins, and a site in a local network is often none.

import { sha256 } from "../vendor/hashes/sha2.js";

const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

async function hashOf(file) {
  const hash = sha256.create();
  const reader = file.stream().getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return hex(hash.digest());
    hash.update(value);
  }
}

addEventListener("message", async ({ data: { id, file } }) => {
  try {
    postMessage({ id, sha256: await hashOf(file) });
  } catch {
    postMessage({ id, sha256: null }); // the file is gone, or may not be read
  }
});
