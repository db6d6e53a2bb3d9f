#include "wasi/http.h"

#include "wasi/http_incoming.h"
#include "wasi/http_outgoing.h"

namespace wattle {
template <>
inline constexpr uint32_t kCaseCount<wasi::HeaderError> = 3;
}

namespace wattle::wasi {

namespace {

constexpr std::string_view kTypes = "wasi:http/types@0.2.12";
using View = std::span<const uint8_t>;
using Accepted = tl::expected<void, std::monostate>;

void add_fields(runtime::Linker& linker) {
  linker.resource<HttpFields>();
  linker.function(kTypes, "[constructor]fields",
                  [](Host& host) { return std::make_unique<HttpFields>(host); });
  linker.function(kTypes, "[static]fields.from-list", [](Host& host, std::vector<HttpFields::Entry> entries) {
    return HttpFields::from_list(host, entries);
  });
  linker.function(kTypes, "[method]fields.get",
                  [](Host&, HttpFields& self, std::string_view name) { return self.get(name); });
  linker.function(kTypes, "[method]fields.has",
                  [](Host&, HttpFields& self, std::string_view name) { return self.has(name); });
  linker.function(kTypes, "[method]fields.set",
                  [](Host&, HttpFields& self, std::string_view name, std::vector<Bytes> values) {
                    return self.set(name, values);
                  });
  linker.function(kTypes, "[method]fields.delete",
                  [](Host&, HttpFields& self, std::string_view name) { return self.erase(name); });
  linker.function(
      kTypes, "[method]fields.append",
      [](Host&, HttpFields& self, std::string_view name, View value) { return self.append(name, value); });
  linker.function(kTypes, "[method]fields.entries", [](Host&, HttpFields& self) { return self.entries(); });
  linker.function(kTypes, "[method]fields.clone",
                  [](Host& host, HttpFields& self) { return self.clone(host); });
}

void add_bodies(runtime::Linker& linker) {
  linker.resource<IncomingBody>();
  linker.function(kTypes, "[method]incoming-body.stream",
                  [](Host&, IncomingBody& self) { return self.stream(); });
  linker.function(kTypes, "[static]incoming-body.finish",
                  [](Host&, std::unique_ptr<IncomingBody> self) { return self->finish(); });
  linker.resource<FutureTrailers>();
  linker.function(kTypes, "[method]future-trailers.subscribe",
                  [](Host&, FutureTrailers& self) { return self.subscribe(); });
  linker.function(kTypes, "[method]future-trailers.get",
                  [](Host& host, FutureTrailers& self) { return self.get(host); });
  linker.resource<OutgoingBody>();
  linker.function(kTypes, "[method]outgoing-body.write",
                  [](Host&, OutgoingBody& self) { return self.write(); });
  linker.function(
      kTypes, "[static]outgoing-body.finish",
      [](Host&, std::unique_ptr<OutgoingBody> self, std::optional<std::unique_ptr<HttpFields>> trailers) {
        return self->finish(std::move(trailers));
      });
}

void add_server_side(runtime::Linker& linker) {
  linker.resource<IncomingRequest>();
  linker.function(kTypes, "[method]incoming-request.method",
                  [](Host&, IncomingRequest& self) { return self.method(); });
  linker.function(kTypes, "[method]incoming-request.path-with-query",
                  [](Host&, IncomingRequest& self) { return self.path_with_query(); });
  linker.function(kTypes, "[method]incoming-request.scheme",
                  [](Host&, IncomingRequest& self) { return self.scheme(); });
  linker.function(kTypes, "[method]incoming-request.authority",
                  [](Host&, IncomingRequest& self) { return self.authority(); });
  linker.function(kTypes, "[method]incoming-request.headers",
                  [](Host& host, IncomingRequest& self) { return self.headers(host); });
  linker.function(kTypes, "[method]incoming-request.consume",
                  [](Host&, IncomingRequest& self) { return self.consume(); });

  linker.resource<OutgoingResponse>();
  linker.function(kTypes, "[constructor]outgoing-response",
                  [](Host& host, std::unique_ptr<HttpFields> headers) {
                    return std::make_unique<OutgoingResponse>(host, std::move(headers));
                  });
  linker.function(kTypes, "[method]outgoing-response.status-code",
                  [](Host&, OutgoingResponse& self) { return self.status_code(); });
  linker.function(
      kTypes, "[method]outgoing-response.set-status-code",
      [](Host&, OutgoingResponse& self, uint16_t status) { return self.set_status_code(status); });
  linker.function(kTypes, "[method]outgoing-response.headers",
                  [](Host& host, OutgoingResponse& self) { return self.headers(host); });
  linker.function(kTypes, "[method]outgoing-response.body",
                  [](Host& host, OutgoingResponse& self) { return self.body(host); });

  linker.resource<ResponseOutparam>();
  linker.function(kTypes, "[method]response-outparam.send-informational",
                  [](Host&, ResponseOutparam& self, uint16_t status, std::unique_ptr<HttpFields> headers) {
                    return self.slot().inform(status, *headers->take());
                  });
  using Answer = tl::expected<std::unique_ptr<OutgoingResponse>, HttpErrorCode>;
  linker.function(kTypes, "[static]response-outparam.set",
                  [](Host&, std::unique_ptr<ResponseOutparam> param, Answer answer) {
                    if (answer) {
                      param->slot().set(std::move(*answer));
                    } else {
                      param->slot().refuse(std::move(answer.error()));
                    }
                  });
}

void add_outgoing_request(runtime::Linker& linker) {
  linker.resource<OutgoingRequest>();
  linker.function(kTypes, "[constructor]outgoing-request",
                  [](Host& host, std::unique_ptr<HttpFields> headers) {
                    return std::make_unique<OutgoingRequest>(host, std::move(headers));
                  });
  linker.function(kTypes, "[method]outgoing-request.body",
                  [](Host& host, OutgoingRequest& self) { return self.body(host); });
  linker.function(kTypes, "[method]outgoing-request.method",
                  [](Host&, OutgoingRequest& self) { return self.method(); });
  linker.function(kTypes, "[method]outgoing-request.set-method",
                  [](Host&, OutgoingRequest& self, HttpMethod method) { return self.set_method(method); });
  linker.function(kTypes, "[method]outgoing-request.path-with-query",
                  [](Host&, OutgoingRequest& self) { return self.path_with_query(); });
  linker.function(kTypes, "[method]outgoing-request.set-path-with-query",
                  [](Host&, OutgoingRequest& self, std::optional<std::string> path) {
                    return self.set_path_with_query(std::move(path));
                  });
  linker.function(kTypes, "[method]outgoing-request.scheme",
                  [](Host&, OutgoingRequest& self) { return self.scheme(); });
  linker.function(
      kTypes, "[method]outgoing-request.set-scheme",
      [](Host&, OutgoingRequest& self, std::optional<HttpScheme> scheme) { return self.set_scheme(scheme); });
  linker.function(kTypes, "[method]outgoing-request.authority",
                  [](Host&, OutgoingRequest& self) { return self.authority(); });
  linker.function(kTypes, "[method]outgoing-request.set-authority",
                  [](Host&, OutgoingRequest& self, std::optional<std::string> authority) {
                    return self.set_authority(std::move(authority));
                  });
  linker.function(kTypes, "[method]outgoing-request.headers",
                  [](Host& host, OutgoingRequest& self) { return self.headers(host); });
}

template <std::optional<uint64_t> RequestOptions::* kTimeout>
void add_timeout(runtime::Linker& linker, const std::string& name) {
  linker.function(kTypes, "[method]request-options." + name,
                  [](Host&, RequestOptions& self) { return self.*kTimeout; });
  linker.function(kTypes, "[method]request-options.set-" + name,
                  [](Host&, RequestOptions& self, std::optional<uint64_t> timeout) {
                    self.*kTimeout = timeout;
                    return Accepted{};
                  });
}

void add_client_side(runtime::Linker& linker) {
  linker.resource<RequestOptions>();
  linker.function(kTypes, "[constructor]request-options",
                  [](Host&) { return std::make_unique<RequestOptions>(); });
  add_timeout<&RequestOptions::connect_timeout>(linker, "connect-timeout");
  add_timeout<&RequestOptions::first_byte_timeout>(linker, "first-byte-timeout");
  add_timeout<&RequestOptions::between_bytes_timeout>(linker, "between-bytes-timeout");

  linker.resource<IncomingResponse>();
  linker.function(kTypes, "[method]incoming-response.status",
                  [](Host&, IncomingResponse& self) { return self.status(); });
  linker.function(kTypes, "[method]incoming-response.headers",
                  [](Host& host, IncomingResponse& self) { return self.headers(host); });
  linker.function(kTypes, "[method]incoming-response.consume",
                  [](Host&, IncomingResponse& self) { return self.consume(); });

  linker.resource<FutureIncomingResponse>();
  linker.function(kTypes, "[method]future-incoming-response.subscribe",
                  [](Host&, FutureIncomingResponse& self) { return self.subscribe(); });
  linker.function(kTypes, "[method]future-incoming-response.get",
                  [](Host&, FutureIncomingResponse& self) { return self.get(); });

  linker.function("wasi:http/outgoing-handler@0.2.12", "handle",
                  [](Host& host, std::unique_ptr<OutgoingRequest> request,
                     std::optional<std::unique_ptr<RequestOptions>> options) {
                    return handle_outgoing(host, *request, options ? options->get() : nullptr);
                  });
}

}  // namespace

void add_http(runtime::Linker& linker) {
  add_fields(linker);
  add_bodies(linker);
  add_server_side(linker);
  add_outgoing_request(linker);
  add_client_side(linker);
  linker.function(kTypes, "http-error-code", [](Host&, IoError& error) -> std::optional<HttpErrorCode> {
    if (error.origin() != IoError::Origin::http) return std::nullopt;
    return error_code_of(error.error());
  });
}

}  // namespace wattle::wasi
