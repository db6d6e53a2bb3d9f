#include "http/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace wattle::http {
namespace {

constexpr unsigned char kBothProtocols[] = "\x02h2\x08http/1.1";
constexpr unsigned char kHttp1Only[] = "\x08http/1.1";

std::unique_ptr<SSL_CTX, TlsDeleter> new_context(const SSL_METHOD* method) {
  std::unique_ptr<SSL_CTX, TlsDeleter> context(SSL_CTX_new(method));
  if (!context) return nullptr;
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_read_ahead(context.get(), 1);
  return context;
}

int select_protocol(SSL*, const unsigned char** out, unsigned char* out_bytes, const unsigned char* in,
                    unsigned int in_bytes, void* argument) {
  const bool offer_http2 = *static_cast<const bool*>(argument);
  const unsigned char* ours = offer_http2 ? kBothProtocols : kHttp1Only;
  const auto ours_bytes =
      static_cast<unsigned int>((offer_http2 ? sizeof kBothProtocols : sizeof kHttp1Only) - 1);
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_bytes, ours, ours_bytes, in, in_bytes) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

// Before OpenSSL looks at a file: why it cannot be read, in the operating system's words.
Result<void> check_readable(const std::string& file, std::string_view what) {
  std::ifstream stream(file);
  if (stream && stream.peek() != std::ifstream::traits_type::eof()) return {};
  const int problem = stream ? 0 : errno;
  const ErrorCode code = problem == EACCES   ? ErrorCode::permission_denied
                         : problem == ENOENT ? ErrorCode::not_found
                                             : ErrorCode::invalid_argument;
  return failure(Error(code, fmt::format("cannot read the TLS {} \"{}\": {}", what, file,
                                         problem != 0 ? std::strerror(problem) : "it is empty or not a file"))
                     .with_remedy("give the path of a PEM file that this user may read"));
}

// Its own certificate and key.
Result<void> use_certificate(SSL_CTX* context, const TlsServerFiles& files) {
  WATTLE_CHECK(check_readable(files.certificate_file, "certificate"));
  WATTLE_CHECK(check_readable(files.key_file, "key"));
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate_file.c_str()) != 1)
    return failure(
        Error(ErrorCode::invalid_argument, fmt::format("the TLS certificate \"{}\" is not usable: {}",
                                                       files.certificate_file, take_tls_errors()))
            .with_remedy("it must hold PEM blocks \"BEGIN CERTIFICATE\", the server's own first"));
  if (SSL_CTX_use_PrivateKey_file(context, files.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    const bool mismatch = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH;
    const std::string why = take_tls_errors();
    if (mismatch)
      return failure(Error(ErrorCode::invalid_argument,
                           fmt::format("the TLS key \"{}\" does not belong to the certificate \"{}\"",
                                       files.key_file, files.certificate_file))
                         .with_remedy("give the key that the certificate was made for"));
    return failure(Error(ErrorCode::invalid_argument,
                         fmt::format("the TLS key \"{}\" is not usable: {}", files.key_file, why))
                       .with_remedy("it must hold an unencrypted PEM block \"BEGIN PRIVATE KEY\""));
  }
  if (SSL_CTX_check_private_key(context) != 1)
    return failure(ErrorCode::invalid_argument,
                   "the TLS key \"{}\" does not belong to the certificate \"{}\": {}", files.key_file,
                   files.certificate_file, take_tls_errors());
  return {};
}

}  // namespace

void TlsDeleter::operator()(SSL_CTX* context) const {
  SSL_CTX_free(context);
}
void TlsDeleter::operator()(SSL* session) const {
  SSL_free(session);
}

std::string take_tls_errors() {
  std::string text;
  while (unsigned long error = ERR_get_error()) {
    char line[256];
    ERR_error_string_n(error, line, sizeof line);
    if (!text.empty()) text += "; ";
    const char* reason = ERR_reason_error_string(error);
    text += reason != nullptr ? reason : line;
  }
  return text.empty() ? "unknown error" : text;
}

std::string_view negotiated_protocol(const SSL* session) {
  const unsigned char* name = nullptr;
  unsigned int bytes = 0;
  SSL_get0_alpn_selected(session, &name, &bytes);
  return {reinterpret_cast<const char*>(name), bytes};
}

Result<std::shared_ptr<TlsServerContext>> TlsServerContext::load(const TlsServerFiles& files,
                                                                 bool offer_http2) {
  auto result = std::make_shared<TlsServerContext>();
  result->offer_http2_ = offer_http2;
  result->context_ = new_context(TLS_server_method());
  SSL_CTX* context = result->context_.get();
  if (context == nullptr)
    return failure(ErrorCode::internal, "cannot make a TLS context: {}", take_tls_errors());
  WATTLE_CHECK(use_certificate(context, files));
  SSL_CTX_set_alpn_select_cb(context, select_protocol, &result->offer_http2_);
  return result;
}

TlsSession TlsServerContext::new_session() const {
  TlsSession session(SSL_new(context_.get()));
  if (session) SSL_set_accept_state(session.get());
  return session;
}

Result<std::shared_ptr<TlsClientContext>> TlsClientContext::make(const TlsClientOptions& options) {
  auto result = std::make_shared<TlsClientContext>();
  result->context_ = new_context(TLS_client_method());
  SSL_CTX* context = result->context_.get();
  if (context == nullptr)
    return failure(ErrorCode::internal, "cannot make a TLS context: {}", take_tls_errors());
  if (!options.ca_file.empty()) {
    WATTLE_CHECK(check_readable(options.ca_file, "root certificates"));
    ERR_clear_error();
    if (SSL_CTX_load_verify_locations(context, options.ca_file.c_str(), nullptr) != 1)
      return failure(
          Error(ErrorCode::invalid_argument, fmt::format("the root certificates \"{}\" are not usable: {}",
                                                         options.ca_file, take_tls_errors()))
              .with_remedy("the file must hold PEM blocks \"BEGIN CERTIFICATE\""));
  }
  if ((options.ca_file.empty() || options.with_system_roots) &&
      SSL_CTX_set_default_verify_paths(context) != 1)
    return failure(ErrorCode::io, "cannot load the system's root certificates: {}", take_tls_errors());
  SSL_CTX_set_verify(context, options.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (!options.certificate_file.empty() || !options.key_file.empty())
    WATTLE_CHECK(use_certificate(context, {options.certificate_file, options.key_file}));
  if (!options.for_http) return result;
  if (options.offer_http2) {
    SSL_CTX_set_alpn_protos(context, kBothProtocols, sizeof kBothProtocols - 1);
  } else {
    SSL_CTX_set_alpn_protos(context, kHttp1Only, sizeof kHttp1Only - 1);
  }
  return result;
}

TlsSession TlsClientContext::new_session(const std::string& host) const {
  TlsSession session(SSL_new(context_.get()));
  if (!session) return session;
  SSL_set_connect_state(session.get());
  unsigned char address[16];
  const bool is_address =
      inet_pton(AF_INET, host.c_str(), address) == 1 || inet_pton(AF_INET6, host.c_str(), address) == 1;
  X509_VERIFY_PARAM* parameters = SSL_get0_param(session.get());
  if (is_address) {
    X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str());
  } else {
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set1_host(session.get(), host.c_str());
    SSL_set_tlsext_host_name(session.get(), host.c_str());
  }
  return session;
}

}  // namespace wattle::http
