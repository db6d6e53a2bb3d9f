// TLS 1.2 and 1.3 on OpenSSL: contexts for servers (certificate and key files, ALPN) and clients (system
// roots, host verification, ALPN). Connections are made by Transport.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_st SSL;

namespace wattle::http {

struct TlsDeleter {
  void operator()(SSL_CTX* context) const;
  void operator()(SSL* session) const;
};
using TlsSession = std::unique_ptr<SSL, TlsDeleter>;

struct TlsServerFiles {
  std::string certificate_file;  // PEM, the server's own first, then its chain
  std::string key_file;          // PEM, unencrypted
};

// What a server needs to accept TLS connections. Shared by its workers.
class TlsServerContext {
 public:
  // Refused (invalid_argument, not_found, permission_denied): a file that cannot be read or holds no PEM, a
  // key that does not belong to the certificate; the message names the file.
  static Result<std::shared_ptr<TlsServerContext>> load(const TlsServerFiles& files, bool offer_http2 = true);
  TlsSession new_session() const;

 private:
  std::unique_ptr<SSL_CTX, TlsDeleter> context_;
  bool offer_http2_ = true;
};

struct TlsClientOptions {
  std::string ca_file;  // PEM with the roots to trust instead of the system's; empty for the system's
  bool with_system_roots = false;  // trusts the system's beside those of `ca_file`
  // For servers that ask who the client is; see TlsServerFiles.
  std::string certificate_file;
  std::string key_file;
  bool verify = true;       // false accepts any certificate: for tests against unknown peers only
  bool for_http = true;     // names HTTP's protocols (ALPN)
  bool offer_http2 = true;  // beside HTTP/1.1
};

class TlsClientContext {
 public:
  static Result<std::shared_ptr<TlsClientContext>> make(const TlsClientOptions& options);
  // `host`: a name (sent as SNI, and verified) or an address (verified only).
  TlsSession new_session(const std::string& host) const;

 private:
  std::unique_ptr<SSL_CTX, TlsDeleter> context_;
};

// "h2", "http/1.1" or empty.
std::string_view negotiated_protocol(const SSL* session);
// Empties OpenSSL's error queue of this thread into one line.
std::string take_tls_errors();

}  // namespace wattle::http
