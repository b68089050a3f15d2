/** What every page starts: nothing here is needed to read a page or to send a form. */

import { startCopying } from "./copy.js";
import { startForms } from "./form.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startMenus } from "./menu.js";
import { startPalette } from "./palette.js";
import { startPreferences } from "./preferences.js";
import { startTables } from "./table.js";
import { startTimes } from "./time.js";

document.documentElement.classList.add("scripted");
startMenus();
startKeys();
startPalette();
startForms();
startPreferences();
startTables();
startTimes();
startCopying();
startLive();
