// For tests: certificates made on the spot.
#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <string>

#include "http/tls.h"

namespace wattle::http {

// A fresh key and a self-signed certificate for `host`, in files that go with this object.
class Certificate {
 public:
  explicit Certificate(const std::string& names = "DNS:localhost,IP:127.0.0.1") {
    char folder[] = "/tmp/wattle_tls_test_XXXXXX";
    folder_ = ::mkdtemp(folder);
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* name = X509_get_subject_name(certificate);
    // Its own: who trusts several finds them by their names.
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(folder_.c_str()), -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_EXTENSION* alternative = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
    X509_add_ext(certificate, alternative, -1);
    X509_EXTENSION_free(alternative);
    X509_sign(certificate, key, EVP_sha256());
    write(certificate_file(), [&](FILE* file) { PEM_write_X509(file, certificate); });
    write(key_file(),
          [&](FILE* file) { PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr); });
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  ~Certificate() {
    ::unlink(certificate_file().c_str());
    ::unlink(key_file().c_str());
    ::rmdir(folder_.c_str());
  }
  std::string certificate_file() const { return folder_ + "/certificate.pem"; }
  std::string key_file() const { return folder_ + "/key.pem"; }
  TlsServerFiles files() const { return {certificate_file(), key_file()}; }

 private:
  static void write(const std::string& path, const std::function<void(FILE*)>& content) {
    FILE* file = std::fopen(path.c_str(), "w");
    ASSERT_NE(file, nullptr);
    content(file);
    std::fclose(file);
  }
  std::string folder_;
};

}  // namespace wattle::http
