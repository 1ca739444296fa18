// The page on which the interface is read and tried.
"use strict";

const dark = matchMedia("(prefers-color-scheme: dark)");
const followScheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", followScheme);
followScheme();

SwaggerUIBundle({
  url: "/schema/openapi.json",
  dom_id: "#interface",
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null, // it would send the document to another host
});
