// AWS signature version 4 of a request, in its Authorization header.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wattle::providers::s3 {

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // empty: none
};

// Bytes that may stand in a URL as they are do; others as %XX. "/" stays if `keep_slashes`.
std::string encode(std::string_view text, bool keep_slashes = false);
std::string sha256_hex(std::string_view bytes);

struct ToSign {
  std::string method;
  std::string path;                                        // encoded
  std::vector<std::pair<std::string, std::string>> query;  // not encoded
  std::map<std::string, std::string> headers;              // all that are signed, in lower case
  std::string payload_sha256;
};

// "a=1&b=": in the order of names, encoded.
std::string canonical_query(std::vector<std::pair<std::string, std::string>> query);
// `time`: "20130524T000000Z", as in the header x-amz-date.
std::string authorization(const ToSign& request, const Credentials& credentials, std::string_view region,
                          std::string_view time);

}  // namespace wattle::providers::s3
