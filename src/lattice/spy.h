// Watching calls as they happen: who wants to see those of a component (or provider) asks all hosts, again
// and again while it looks; hosts send what they see to the asker's inbox. Nothing is sent when nobody asks.
//
//   wattle.default.spy            {"format":1,"id":"shop","to":"_INBOX_WATTLE.spy-x"}     once a second
//   _INBOX_WATTLE.spy-x           {"format":1,"host_id":"N...","source":"web","target":"shop",...}
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace wattle::lattice {

inline constexpr Duration kSpyInterval = std::chrono::seconds(1);
// A host forgets who has not asked for so long.
inline constexpr Duration kSpyPatience = std::chrono::seconds(3);

// Where calls are sent, by a word that nobody else has (letters, digits, "-"): no provider of v1's make can
// listen there, and nothing but spies does, so that nobody takes a call for an answer.
std::string spy_inbox(std::string_view id);

struct SpyRequest {
  uint32_t format = 1;
  std::string id{};  // of a component or provider: calls from it and to it
  std::string to{};  // where they are sent
};
// Refused: malformed, unsupported (format), invalid_argument (what is no id, or no spy's inbox).
Result<SpyRequest> parse_spy_request(std::string_view json);
std::string to_json(const SpyRequest& request);

struct SpiedCall {
  uint32_t format = 1;
  std::string host_id{};
  std::string source{};
  std::string target{};
  std::string interface{};
  std::string function{};
  std::string arguments{};  // "(1, {name: \"Ada\"})"; what is long is cut, and ends with an ellipsis
  std::string result{};     // empty: there is none
  std::string error{};      // why there is no result
  uint64_t microseconds = 0;
  uint64_t left_out = 0;  // calls before this one that were too many to send

  bool operator==(const SpiedCall&) const = default;
};
Result<SpiedCall> parse_spied_call(std::string_view json);
std::string to_json(const SpiedCall& call);

}  // namespace wattle::lattice
