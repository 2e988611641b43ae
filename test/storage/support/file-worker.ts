import { isConflict } from "../../../src/errors/index.ts";
import { createFileStorage } from "../../../src/storage/file/index.ts";
import { status, WidgetKind } from "../../contracts/support/kinds.ts";

/*
 * A process that writes files. `count <directory> <times>` adds 1 to the number in a widget's text, again and again until that many
 * additions are stored, and sets a status of its own each time. `churn <directory>` overwrites a large widget until it is killed.
 */
const [, , task, directory = "", times = "0"] = process.argv;
const storage = createFileStorage({ directory });
const widgets = storage.client(WidgetKind);
const one = { namespace: "ns-1", name: "one" };

async function addOne(): Promise<void> {
  for (;;) {
    const stored = await widgets.read(one);
    try {
      await widgets.write({ ...stored, text: String(Number(stored.text) + 1) }, { overwrite: true });
      return;
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }
}

if (task === "count") {
  for (let n = 1; n <= Number(times); n++) {
    await addOne();
    await widgets.writeStatus(one, `process-${process.pid}`, status(1, `${n}`));
  }
} else {
  console.log("ready");
  for (let n = 0; ; n++) {
    const stored = await widgets.read(one);
    await widgets.write({ ...stored, texts: Array(500).fill(`round ${n}`) }, { overwrite: true });
  }
}
await storage.close();
