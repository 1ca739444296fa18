// Shows times in the zone and the format of the reader. Without this script they are in UTC.
"use strict";

const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

for (const time of document.querySelectorAll("time.moment")) {
  time.title = time.textContent;
  time.textContent = format.format(new Date(time.dateTime));
}
