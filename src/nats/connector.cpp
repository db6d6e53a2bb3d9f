#include "nats/connector.h"

#include <sodium.h>

#include <charconv>

#include "nats/credentials.h"
#include "nats/json.h"
#include "nats/parser.h"

namespace wattle::nats {
namespace {

using http::Transport;
using Progress = Transport::Progress;

void append_field(std::string& json, std::string_view name, std::string_view value) {
  json.append(",\"").append(name).append("\":");
  telemetry::append_json_string(json, value);
}

// As JWTs do: base64 for URLs, without padding.
std::string signature_text(const KeyPair& key, std::string_view nonce) {
  const auto signature = key.sign(nonce);
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string text(sodium_base64_encoded_len(signature.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), signature.data(), signature.size(), kVariant);
  text.resize(text.size() - 1);  // the final zero
  return text;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

bool ServerInfo::at_least(int major, int minor, int patch) const {
  int parts[3] = {0, 0, 0};
  const char* at = version.data();
  const char* end = at + version.size();
  for (int& part : parts) {
    const auto read = std::from_chars(at, end, part);
    if (read.ec != std::errc()) break;
    at = read.ptr;
    if (at != end && *at == '.') ++at;
  }
  return std::tie(parts[0], parts[1], parts[2]) >= std::tie(major, minor, patch);
}

Result<ServerInfo> parse_server_info(std::string_view text) {
  WATTLE_TRY(const json::Object object, json::parse_object(text, "the NATS server's INFO"));
  ServerInfo info;
  info.id = json::string_at(object, "server_id");
  info.name = json::string_at(object, "server_name");
  info.version = json::string_at(object, "version");
  info.cluster = json::string_at(object, "cluster");
  info.nonce = json::string_at(object, "nonce");
  info.client_id = json::uint_at(object, "client_id");
  if (const uint64_t bytes = json::uint_at(object, "max_payload"); bytes > 0) info.max_payload_bytes = bytes;
  info.headers = json::bool_at(object, "headers");
  info.jetstream = json::bool_at(object, "jetstream");
  info.auth_required = json::bool_at(object, "auth_required");
  info.tls_required = json::bool_at(object, "tls_required");
  info.tls_available = json::bool_at(object, "tls_available");
  info.lame_duck = json::bool_at(object, "ldm");
  info.connect_urls = json::strings_at(object, "connect_urls");
  return info;
}

Error server_error(std::string_view text) {
  const std::string message = fmt::format("the NATS server says: {}", text);
  if (contains(text, "Authorization") || contains(text, "Authentication") || contains(text, "authentication"))
    return nats_error(ErrorCode::permission_denied, Reason::server_error, message)
        .with_remedy(
            "check user, password, token, nkey or credentials file against the server's configuration");
  if (contains(text, "Permissions Violation"))
    return nats_error(ErrorCode::permission_denied, Reason::server_error, message)
        .with_remedy("allow the subject in the permissions of this user");
  return nats_error(ErrorCode::unavailable, Reason::server_error, message);
}

// One attempt: a transport, and the operations that come from it.
class Connector::Attempt {
 public:
  Attempt(Connector& connector, const Server& server) : connector_(connector), server_(server) {}

  Result<Connected> run() {
    WATTLE_CHECK(open());
    if (connector_.options_.tls.handshake_first) WATTLE_CHECK(secure());
    WATTLE_TRY(const Operation hello, next());
    if (hello.kind != Operation::Kind::info)
      return failure(ErrorCode::malformed, "what answers does not begin with INFO: it is no NATS server");
    WATTLE_TRY(ServerInfo info, parse_server_info(hello.text));
    const bool wanted = server_.url.tls || connector_.options_.tls.required || info.tls_required;
    if (wanted && !transport_->is_tls()) {
      if (!info.tls_required && !info.tls_available)
        return failure(Error(ErrorCode::permission_denied, "TLS is wanted, and the server does not offer it")
                           .with_remedy("configure TLS at the server, or connect with nats://"));
      WATTLE_CHECK(secure());
    }
    WATTLE_TRY(const std::string line, connector_.connect_line(server_, info));
    transport_->output().append(line).append("PING\r\n");
    WATTLE_CHECK(send());
    WATTLE_CHECK(wait_for_pong());
    info.url = server_.url.text();
    return Connected{std::move(transport_), std::move(info)};
  }

 private:
  Result<void> open() {
    http::Destination destination{"nats", server_.url.host, server_.url.port};
    WATTLE_TRY(const auto addresses, http::look_up(connector_.offload_, server_.url.host, server_.url.port));
    boost::asio::ip::tcp::endpoint connected_to;
    WATTLE_TRY(transport_,
               http::connect(connector_.worker_, destination, addresses, {}, nullptr, owner_, connected_to));
    return {};
  }

  Result<void> secure() {
    consume();
    if (!transport_->input().empty())
      return failure(ErrorCode::malformed, "the server sent something between INFO and the TLS handshake");
    WATTLE_TRY(http::TlsSession session, connector_.tls_session(server_.tls_name));
    return http::shake_hands(*transport_, std::move(session), owner_);
  }

  Result<void> send() {
    for (;;) {
      const Progress progress = transport_->flush();
      if (progress == Progress::done) return {};
      if (progress == Progress::failed) return failure(transport_->error());
      WATTLE_CHECK(owner_.wait());
    }
  }

  Result<void> wait_for_pong() {
    for (;;) {
      WATTLE_TRY(const Operation operation, next());
      if (operation.kind == Operation::Kind::error) return failure(server_error(operation.text));
      if (operation.kind != Operation::Kind::pong) continue;  // +OK, or INFO once more
      consume();
      return {};
    }
  }

  void consume() { transport_->consume(std::exchange(taken_, 0)); }

  // The next operation; its views hold until the next call.
  Result<Operation> next() {
    consume();
    Operation operation;
    for (;;) {
      switch (parser_.next(transport_->input(), operation)) {
        case Parser::Step::operation:
          taken_ = operation.bytes;
          return operation;
        case Parser::Step::malformed:
          return failure(ErrorCode::malformed, "the NATS server sent {}", parser_.problem());
        case Parser::Step::more:
          WATTLE_CHECK(fill());
      }
    }
  }

  Result<void> fill() {
    for (;;) {
      const Progress progress = transport_->fill();
      if (progress == Progress::done) return {};
      if (progress == Progress::failed) return failure(transport_->error());
      if (transport_->at_end())
        return failure(ErrorCode::unavailable, "the server closed the connection while it was being set up");
      WATTLE_CHECK(owner_.wait());
    }
  }

  Connector& connector_;
  const Server& server_;
  http::WaitingOwner owner_;
  std::unique_ptr<Transport> transport_;
  Parser parser_;
  size_t taken_ = 0;
};

Result<Connector::Connected> Connector::connect(const Server& server) {
  const Server copy = server;  // the pool may change meanwhile
  const TimePoint until = Clock::now() + options_.connect_timeout;
  async::DeadlineScope scope(until);
  auto connected = Attempt(*this, copy).run();
  if (connected) return connected;
  const std::string where = fmt::format("cannot connect to the NATS server {}", copy.url.text());
  if (connected.error().code() == ErrorCode::deadline_exceeded && Clock::now() >= until)
    return failure(Error(ErrorCode::unavailable, where + ": it does not answer", connected.error()));
  return failure(connected.error().with_context(where));
}

Result<http::TlsSession> Connector::tls_session(const std::string& name) {
  if (!tls_) {
    http::TlsClientOptions wanted;
    wanted.ca_file = options_.tls.ca_file;
    wanted.certificate_file = options_.tls.certificate_file;
    wanted.key_file = options_.tls.key_file;
    wanted.for_http = false;
    auto made = async::offload(offload_, [&] { return http::TlsClientContext::make(wanted); });
    if (!made) return failure(made.error());
    tls_ = std::move(*made);
  }
  http::TlsSession session = tls_->new_session(name);
  if (!session) return failure(ErrorCode::internal, "cannot make a TLS session");
  return session;
}

Result<std::string> Connector::read_secret(const std::string& path) {
  bool others_can_read = false;
  auto text = async::offload(offload_, [&] { return read_secret_file(path, others_can_read); });
  if (text && others_can_read && options_.log != nullptr && warned_of_ != path) {
    warned_of_ = path;
    options_.log->warn("a file with NATS credentials can be read by others; run: chmod 600",
                       {{"file", path}});
  }
  return text;
}

Result<std::string> Connector::connect_line(const Server& server, const ServerInfo& info) {
  std::string line = "CONNECT {\"verbose\":false,\"pedantic\":false,\"protocol\":1,\"headers\":true";
  line += ",\"no_responders\":true,\"lang\":\"c++\",\"version\":\"0.1.0\"";
  line += options_.no_echo ? ",\"echo\":false" : ",\"echo\":true";
  line += server.url.tls || options_.tls.required || info.tls_required ? ",\"tls_required\":true"
                                                                       : ",\"tls_required\":false";
  append_field(line, "name", options_.name);
  WATTLE_CHECK(append_identity(line, server, info));
  line += "}\r\n";
  return line;
}

Result<void> Connector::append_identity(std::string& json, const Server& server, const ServerInfo& info) {
  const Url& url = server.url;
  if (!url.token.empty() || !options_.token.empty()) {
    append_field(json, "auth_token", url.token.empty() ? options_.token : url.token);
  }
  if (!url.user.empty() || !options_.user.empty()) {
    append_field(json, "user", url.user.empty() ? options_.user : url.user);
    append_field(json, "pass", url.user.empty() ? options_.password : url.password);
  }
  std::string jwt = options_.user_jwt;
  std::optional<KeyPair> key;
  if (!options_.credentials_file.empty()) {
    WATTLE_TRY(std::string text, read_secret(options_.credentials_file));
    auto credentials = parse_credentials(text);
    sodium_memzero(text.data(), text.size());
    if (!credentials)
      return failure(credentials.error().with_context(
          fmt::format("the credentials file \"{}\" is not usable", options_.credentials_file)));
    jwt = credentials->jwt;
    key = credentials->key;
  } else if (!options_.nkey_seed_file.empty()) {
    WATTLE_TRY(std::string text, read_secret(options_.nkey_seed_file));
    auto pair = parse_seed_file(text);
    sodium_memzero(text.data(), text.size());
    if (!pair)
      return failure(pair.error().with_context(
          fmt::format("the seed file \"{}\" is not usable", options_.nkey_seed_file)));
    key = *pair;
  } else if (!options_.user_seed.empty()) {
    WATTLE_TRY(key, KeyPair::from_seed(options_.user_seed));
  }
  if (!jwt.empty()) append_field(json, "jwt", jwt);
  if (!key || info.nonce.empty()) return {};
  if (jwt.empty()) append_field(json, "nkey", key->public_key());
  append_field(json, "sig", signature_text(*key, info.nonce));
  return {};
}

}  // namespace wattle::nats
