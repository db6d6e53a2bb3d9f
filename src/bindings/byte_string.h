// list<u8> that the host has as a std::string, the type in which src/capability carries contents: for the
// canonical ABI what it is for wRPC.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/abi.h"
#include "wrpc/typed_codec.h"

namespace wattle::bindings {

using ByteString = wrpc::Binary;

// As a parameter: a view of the guest's memory, valid during the call.
using ByteView = std::span<const uint8_t>;

inline std::string_view text_of(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace wattle::bindings

namespace wattle::runtime {

template <>
struct Abi<bindings::ByteString> : PairAbi {
  using ByteString = bindings::ByteString;
  static ByteString lift_from(CallContext& context, Pair pair) {
    const auto view = Abi<std::span<const uint8_t>>::lift_from(context, pair);
    if (!context.take_copy_budget(view.size())) return {};
    return {std::string(bindings::text_of(view))};
  }
  static ByteString lift(CallContext& context, const CoreValue*& values) {
    return lift_from(context, lift_pair(values));
  }
  static ByteString load(CallContext& context, const uint8_t* address) {
    return lift_from(context, load_pair(address));
  }
  static void lower(CallContext& context, const ByteString& value, CoreValue*& values) {
    lower_pair(ListAbi<uint8_t>::lower_to(context, value.bytes), values);
  }
  static void store(CallContext& context, const ByteString& value, uint32_t pointer) {
    store_pair(context, ListAbi<uint8_t>::lower_to(context, value.bytes), pointer);
  }
};

}  // namespace wattle::runtime
