// Where nothing is left to decide, U still takes the last decision back.

import { plainKey } from "./desk.js";

document.addEventListener("keydown", (event) => {
  if (plainKey(event) && event.key.toLowerCase() === "u") document.getElementById("undo-last").requestSubmit();
});
