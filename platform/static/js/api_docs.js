// Swagger UI on the site's own schema; requests from it carry the session's CSRF token.
const box = document.getElementById("swagger");
const token = () => document.cookie.match(/csrftoken=([^;]+)/)?.[1] ?? "";

window.SwaggerUIBundle({
  url: box.dataset.schema,
  domNode: box,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: -1,
  validatorUrl: null,
  requestInterceptor: (request) => {
    request.headers["X-CSRFToken"] = token();
    return request;
  },
});
