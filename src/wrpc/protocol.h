// The words of wRPC on the bus: those of wRPC 0.0.1, and those that wattle adds for its own hosts. A peer of
// another make ignores the headers, and gets what 0.0.1 says.
//
// A call. R and S are subjects in the inboxes of caller and callee. What is in [ ] wattle adds.
//   caller -> PREFIX.wrpc.0.0.1.INSTANCE.FUNCTION, reply R: parameters, as much as fits
//             [wattle-call: MILLISECONDS-LEFT, wattle-rest: BYTES where more follows, or streams do;
//             wattle-revision: IMAGE-REFERENCE where a revision was chosen, which the callee runs if it can]
//   callee -> R [wattle-result: ok, reply S where streams follow]: the whole result; or
//             [wattle-result: CODE]: {"message", ...}, see error.h; or, where it does not fit,
//             and always without wattle-call:
//   callee -> R, reply S: nothing, an acceptance           [wattle-result: accepted]
//   caller -> S.params: further parameters, then an empty message;  S.params.PATH: streams
//   callee -> R.results: the result, then an empty message;         R.results.PATH: streams
//
// [Flow control: who sends a sub-stream may send kWindowBytes; its receiver allows more with a message under
// the same name in the sender's inbox (R.params.PATH, S.results.PATH): wattle-credit: BYTES, or "stop" when
// nobody reads. A sub-stream that fails ends with wattle-result: CODE instead of an empty message.] [A caller
// that gives up publishes R to PREFIX.wattle.cancel.]
//
// "wattle-call" with anything but a number is a later version's, and is refused.
#pragma once

#include <cstddef>
#include <string_view>

namespace wattle::wrpc {

inline constexpr std::string_view kCallHeader = "wattle-call";
inline constexpr std::string_view kRestHeader = "wattle-rest";
inline constexpr std::string_view kResultHeader = "wattle-result";
inline constexpr std::string_view kCreditHeader = "wattle-credit";
inline constexpr std::string_view kRevisionHeader = "wattle-revision";

inline constexpr std::string_view kResultOk = "ok";
inline constexpr std::string_view kResultAccepted = "accepted";
inline constexpr std::string_view kCreditStop = "stop";

inline constexpr std::string_view kParameters = "params";
inline constexpr std::string_view kResults = "results";
inline constexpr std::string_view kCancelSuffix = ".wattle.cancel";

// What a sub-stream may hold that its receiver has not allowed yet.
inline constexpr size_t kWindowBytes = 256 * 1024;

}  // namespace wattle::wrpc
