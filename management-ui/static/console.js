/** What every page starts: nothing here is needed to read a page or to send a form. */

import { startForms } from "./form.js";
import { startLive } from "./live.js";
import { startMenus } from "./menu.js";
import { startTables } from "./table.js";
import { startTimes } from "./time.js";

document.documentElement.classList.add("scripted");
startMenus();
startForms();
startTables();
startTimes();
startLive();
