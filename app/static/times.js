// Shows times in the zone and the format of the reader. Without this script they are in UTC.
"use strict";

const timeFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function localTime(iso) {
  return timeFormat.format(new Date(iso));
}

for (const time of document.querySelectorAll("time.moment")) {
  time.title = time.textContent;
  time.textContent = localTime(time.dateTime);
}
