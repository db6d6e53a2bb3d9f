#include "bindings/http_wire.h"

#include <algorithm>

#include "async/fiber.h"
#include "bindings/pipe_streams.h"

namespace wattle::bindings::http_wire {
namespace {

// Values of one name together, in the order of the names' first use.
Fields fields_to_wire(const http::Fields& fields) {
  Fields wire;
  for (const http::Fields::Field field : fields) {
    auto known = std::find_if(wire.begin(), wire.end(), [&](const auto& each) {
      return http::same_name(std::get<0>(each), field.name);
    });
    if (known == wire.end()) known = wire.insert(wire.end(), {std::string(field.name), {}});
    std::get<1>(*known).push_back(ByteString{std::string(field.value)});
  }
  return wire;
}

Result<http::Fields> fields_from_wire(const Fields& wire) {
  http::Fields fields;
  for (const auto& [name, values] : wire)
    for (const ByteString& value : values) WATTLE_CHECK(fields.append(name, value.bytes));
  return fields;
}

void write_trailers(const http::Body& body, async::Pipe& pipe) {
  std::optional<Fields> trailers;
  if (body.trailers) trailers = fields_to_wire(*body.trailers);
  const std::string bytes = wrpc::encoded(trailers);
  if (pipe.write_all({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()})) pipe.close();
}

struct WireBody {
  wrpc::ByteStream stream;
  Trailers trailers = Trailers::ready(std::nullopt);
};

// The transport reads the body's own pipe; when that has ended, a fiber sends the trailers.
WireBody body_to_wire(const std::shared_ptr<http::Body>& body) {
  WireBody wire;
  if (body == nullptr) {
    wire.stream.pipe = std::make_shared<async::Pipe>();
    wire.stream.pipe->close();
    return wire;
  }
  wire.stream.pipe = std::shared_ptr<async::Pipe>(body, &body->pipe);
  if (body->pipe.closed() && !body->trailers) return wire;
  wire.trailers = Trailers{std::nullopt, std::make_shared<async::Pipe>()};
  async::Fiber& fiber = async::Fiber::current();
  fiber.worker().spawn([body, pipe = wire.trailers.pipe, deadline = fiber.deadline()] {
    const async::DeadlineScope scope(deadline);
    while (!body->pipe.closed() && !body->pipe.reader_gone()) {
      async::Signal* const signals[] = {&body->pipe.readable(), &body->pipe.writable()};
      if (auto waited = async::Signal::wait_any(signals); !waited)
        return pipe->abort(std::move(waited).error());
    }
    write_trailers(*body, *pipe);
  });
  return wire;
}

std::shared_ptr<http::Body> body_from_wire(wrpc::ByteStream stream, Trailers trailers) {
  http::BodyEnds ends = http::make_body();
  async::Fiber& fiber = async::Fiber::current();
  auto moved = std::make_shared<Trailers>(std::move(trailers));
  fiber.worker().spawn(
      [from = std::move(stream.pipe), moved, body = std::move(ends.writer), deadline = fiber.deadline()] {
        const async::DeadlineScope scope(deadline);
        if (!pour_contents(*from, body->pipe)) return;
        auto received = moved->get();
        if (!received) return body->pipe.abort(std::move(received).error());
        if (*received) {
          auto fields = fields_from_wire(**received);
          if (!fields) return body->pipe.abort(std::move(fields).error());
          body->trailers = std::move(*fields);
        }
        body->pipe.close();
      });
  return std::move(ends.reader);
}

}  // namespace

Request request_to_wire(const http::Request& request, const std::shared_ptr<http::Body>& body) {
  WireBody wire = body_to_wire(body);
  return {std::move(wire.stream),        std::move(wire.trailers),        wasi::method_of(request.method),
          request.path_with_query,       wasi::scheme_of(request.scheme), request.authority,
          fields_to_wire(request.fields)};
}

Response response_to_wire(const http::Response& response, const std::shared_ptr<http::Body>& body) {
  WireBody wire = body_to_wire(body);
  return {std::move(wire.stream), std::move(wire.trailers), response.status, fields_to_wire(response.fields)};
}

Result<ReceivedRequest> request_from_wire(Request wire) {
  auto& [stream, trailers, method, path, scheme, authority, headers] = wire;
  ReceivedRequest request;
  const auto method_name = wasi::method_text(method);
  const auto scheme_name = scheme ? wasi::scheme_text(*scheme) : std::optional<std::string>("http");
  if (!method_name || !scheme_name)
    return failure(ErrorCode::malformed, "a request whose {} is not HTTP", method_name ? "scheme" : "method");
  request.head.method = *method_name;
  request.head.scheme = *scheme_name;
  request.head.path_with_query = path && !path->empty() ? std::move(*path) : "/";
  request.head.authority = authority.value_or("");
  WATTLE_TRY(request.head.fields, fields_from_wire(headers));
  request.body = body_from_wire(std::move(stream), std::move(trailers));
  return request;
}

Result<ReceivedResponse> response_from_wire(Response wire) {
  auto& [stream, trailers, status, headers] = wire;
  ReceivedResponse response;
  if (status < 200 || status > 999)
    return failure(ErrorCode::malformed, "a response with the status {}", status);
  response.head.status = status;
  WATTLE_TRY(response.head.fields, fields_from_wire(headers));
  response.body = body_from_wire(std::move(stream), std::move(trailers));
  return response;
}

}  // namespace wattle::bindings::http_wire
