// C++ types as wRPC's bytes, at compile time: for the capability interfaces, whose types are fixed.
//
//   WIT                      C++
//   bool, u8 ... s64         bool, uint8_t ... int64_t
//   f32, f64, char           float, double, char32_t
//   string                   std::string; to encode also std::string_view
//   list<u8>                 std::vector<uint8_t>, Binary; to encode also std::span<const uint8_t>
//   list<T>                  std::vector<T>
//   option, tuple            std::optional, std::tuple, std::pair
//   result<T, E>             tl::expected<T, E>; a missing T is void, a missing E std::monostate
//   variant                  std::variant, one alternative a case, std::monostate for a case without payload
//   enum                     enum class, with kCaseCount<E> specialised
//   flags                    Flags<N>
//   record                   an aggregate struct, fields in order, at most 8
//   stream<u8>, future<T>    ByteStream, Future<T>
//
//   std::string bytes;
//   Writer writer(bytes);
//   encode_all(writer, bucket, key);                                    // parameters: string, string
//   ...
//   Reader reader(reply.result);
//   WATTLE_TRY(auto result, (decode_all<tl::expected<bool, Error>>(reader)));   // std::tuple of them
#pragma once

#include <concepts>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <variant>

#include "base/shape.h"
#include "wrpc/wire.h"

namespace wattle::wrpc {

// list<u8> in a std::string.
struct Binary {
  std::string bytes;
  bool operator==(const Binary&) const = default;
};

// stream<u8>: to send, what comes out of the pipe; received, what the peer sends. Never null.
struct ByteStream {
  std::shared_ptr<async::Pipe> pipe;
};

// Code<T>: kStreams (a stream or future is inside), kLeastBytes, encode(Writer&, const T&),
// decode(Reader&) -> Result<T>.
template <class T>
struct Code;

// A value of its own, at no path.
template <class T>
std::string encoded(const T& value) {
  std::string bytes;
  Writer writer(bytes);
  Code<T>::encode(writer, value);
  return bytes;
}
template <class T>
Result<T> decoded(std::string_view bytes) {
  Reader reader(bytes);
  WATTLE_TRY(T value, Code<T>::decode(reader));
  WATTLE_CHECK(reader.end());
  return value;
}

inline constexpr size_t kFutureBytesMax = 16 << 20;

// future<T>, of a T without streams. Received: get() waits for the value, once.
template <class T>
struct Future {
  std::optional<T> value{};
  std::shared_ptr<async::Pipe> pipe{};  // of encoded bytes; null when the value is there

  static Future ready(T now) { return {std::move(now), nullptr}; }
  Result<T> get() {
    if (value) return std::move(*value);
    std::string bytes;
    uint8_t buffer[4096];
    while (true) {
      WATTLE_TRY(const size_t count, pipe->read_some(buffer));
      if (count == 0) return decoded<T>(bytes);
      if (bytes.size() + count > kFutureBytesMax)
        return failure(ErrorCode::memory_exceeded, "a future's value of more than {} bytes", kFutureBytesMax);
      bytes.append(reinterpret_cast<const char*>(buffer), count);
    }
  }
};

// ---- Scalars

template <class T>
struct ScalarCode {
  static constexpr bool kStreams = false;
  static constexpr size_t kLeastBytes = 1;
};

template <std::integral T>
struct Code<T> : ScalarCode<T> {
  static void encode(Writer& writer, T value) {
    if constexpr (std::same_as<T, bool>)
      writer.byte(value ? 1 : 0);
    else if constexpr (std::same_as<T, char32_t>)
      writer.character(value);
    else if constexpr (sizeof(T) == 1)
      writer.byte(static_cast<uint8_t>(value));
    else if constexpr (std::signed_integral<T>)
      writer.signed_leb(value);
    else
      writer.unsigned_leb(value);
  }
  static Result<T> decode(Reader& reader) {
    if constexpr (std::same_as<T, bool>) {
      return reader.boolean();
    } else if constexpr (std::same_as<T, char32_t>) {
      return reader.character();
    } else if constexpr (sizeof(T) == 1) {
      return reader.byte().map([](uint8_t byte) { return static_cast<T>(byte); });
    } else if constexpr (std::signed_integral<T>) {
      return reader.signed_leb(8 * sizeof(T)).map([](int64_t number) { return static_cast<T>(number); });
    } else {
      return reader.unsigned_leb(8 * sizeof(T)).map([](uint64_t number) { return static_cast<T>(number); });
    }
  }
};

template <std::floating_point T>
struct Code<T> : ScalarCode<T> {
  static void encode(Writer& writer, T value) { writer.fixed(value); }
  static Result<T> decode(Reader& reader) { return reader.fixed<T>(); }
};

template <>
struct Code<std::monostate> : ScalarCode<std::monostate> {
  static constexpr size_t kLeastBytes = 0;
  static void encode(Writer&, std::monostate) {}
  static Result<std::monostate> decode(Reader&) { return std::monostate(); }
};

template <class E>
  requires std::is_enum_v<E>
struct Code<E> : ScalarCode<E> {
  static_assert(kCaseCount<E> > 0, "specialise kCaseCount for this enumeration");
  static void encode(Writer& writer, E value) { writer.unsigned_leb(static_cast<uint64_t>(value)); }
  static Result<E> decode(Reader& reader) {
    return reader.discriminant(kCaseCount<E>).map([](uint32_t index) { return static_cast<E>(index); });
  }
};

template <uint32_t N>
struct Code<Flags<N>> : ScalarCode<Flags<N>> {
  static_assert(N >= 1 && N <= 32);
  static constexpr uint32_t kBytes = (N + 7) / 8;
  static void encode(Writer& writer, Flags<N> value) {
    for (uint32_t i = 0; i < kBytes; ++i) writer.byte(static_cast<uint8_t>(value.bits >> (8 * i)));
  }
  static Result<Flags<N>> decode(Reader& reader) {
    WATTLE_TRY(const std::string_view bytes, reader.take(kBytes));
    uint32_t bits = 0;
    for (uint32_t i = 0; i < kBytes; ++i) bits |= uint32_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
    return Flags<N>{N == 32 ? bits : bits & ((1u << (N % 32)) - 1)};
  }
};

// ---- Text and bytes

template <>
struct Code<std::string_view> : ScalarCode<std::string_view> {
  static void encode(Writer& writer, std::string_view value) { writer.text(value); }
};
template <>
struct Code<std::string> : ScalarCode<std::string> {
  static void encode(Writer& writer, std::string_view value) { writer.text(value); }
  static Result<std::string> decode(Reader& reader) {
    return reader.text().map([](std::string_view text) { return std::string(text); });
  }
};
template <>
struct Code<Binary> : ScalarCode<Binary> {
  static void encode(Writer& writer, const Binary& value) { writer.text(value.bytes); }
  static Result<Binary> decode(Reader& reader) {
    return reader.blob().map([](std::string_view bytes) { return Binary{std::string(bytes)}; });
  }
};
template <>
struct Code<std::span<const uint8_t>> : ScalarCode<std::span<const uint8_t>> {
  static void encode(Writer& writer, std::span<const uint8_t> value) {
    writer.text({reinterpret_cast<const char*>(value.data()), value.size()});
  }
};
template <>
struct Code<std::vector<uint8_t>> : ScalarCode<std::vector<uint8_t>> {
  static void encode(Writer& writer, std::span<const uint8_t> value) {
    Code<std::span<const uint8_t>>::encode(writer, value);
  }
  static Result<std::vector<uint8_t>> decode(Reader& reader) {
    return reader.blob().map(
        [](std::string_view bytes) { return std::vector<uint8_t>(bytes.begin(), bytes.end()); });
  }
};

// ---- Streams and futures

template <>
struct Code<ByteStream> : ScalarCode<ByteStream> {
  static constexpr bool kStreams = true;
  static void encode(Writer& writer, const ByteStream& value) { write_byte_stream(writer, value.pipe); }
  static Result<ByteStream> decode(Reader& reader) {
    return read_byte_stream(reader).map([](auto pipe) { return ByteStream{std::move(pipe)}; });
  }
};
template <class T>
struct Code<Future<T>> : ScalarCode<Future<T>> {
  static_assert(!Code<T>::kStreams, "a future of streams is not supported");
  static constexpr bool kStreams = true;
  static void encode(Writer& writer, const Future<T>& future) {
    if (!future.value) return write_pending(writer, Flow::raw, future.pipe);
    writer.byte(1);
    Code<T>::encode(writer, *future.value);
  }
  static Result<Future<T>> decode(Reader& reader) {
    WATTLE_TRY(const bool is_there, reader.boolean());
    if (is_there)
      return Code<T>::decode(reader).map([](T value) { return Future<T>::ready(std::move(value)); });
    return Future<T>{std::nullopt, read_pending(reader, Flow::raw)};
  }
};

// ---- Lists and products

namespace codec_detail {

template <class T>
void encode_at(Writer& writer, size_t index, const T& value) {
  if constexpr (Code<T>::kStreams) {
    PathScope place(writer, index);
    Code<T>::encode(writer, value);
  } else {
    (void)index;
    Code<T>::encode(writer, value);
  }
}
template <class T>
Result<T> decode_at(Reader& reader, size_t index) {
  if constexpr (Code<T>::kStreams) {
    PathScope place(reader, index);
    return Code<T>::decode(reader);
  } else {
    (void)index;
    return Code<T>::decode(reader);
  }
}

template <size_t I, class... Done, class... T>
Result<std::tuple<Done..., T...>> decode_rest(Reader& reader, std::tuple<Done...> done,
                                              std::tuple<T...>* /*types*/) {
  if constexpr (sizeof...(T) == 0) {
    (void)reader;
    return done;
  } else {
    return [&]<class First, class... Rest>(std::tuple<First, Rest...>*) -> Result<std::tuple<Done..., T...>> {
      WATTLE_TRY(First first, decode_at<First>(reader, I));
      return decode_rest<I + 1>(reader, std::tuple_cat(std::move(done), std::tuple<First>(std::move(first))),
                                static_cast<std::tuple<Rest...>*>(nullptr));
    }(static_cast<std::tuple<T...>*>(nullptr));
  }
}

template <class... T>
Result<std::tuple<T...>> decode_tuple(Reader& reader) {
  return decode_rest<0>(reader, std::tuple<>(), static_cast<std::tuple<T...>*>(nullptr));
}
template <class Tuple>
void encode_tuple(Writer& writer, const Tuple& tuple) {
  std::apply(
      [&](const auto&... item) {
        size_t index = 0;
        (void)index;
        (encode_at(writer, index++, item), ...);
      },
      tuple);
}

template <class... T>
struct ProductCode {
  static constexpr bool kStreams = (false || ... || Code<T>::kStreams);
  static constexpr size_t kLeastBytes = (size_t{0} + ... + Code<T>::kLeastBytes);
};

}  // namespace codec_detail

template <class T>
struct Code<std::vector<T>> {
  static constexpr bool kStreams = Code<T>::kStreams;
  static constexpr size_t kLeastBytes = 1;
  static void encode(Writer& writer, const std::vector<T>& list) {
    writer.unsigned_leb(list.size());
    for (size_t i = 0; i < list.size(); ++i) codec_detail::encode_at<T>(writer, i, list[i]);
  }
  static Result<std::vector<T>> decode(Reader& reader) {
    WATTLE_TRY(const uint32_t count, reader.count(Code<T>::kLeastBytes, sizeof(T)));
    std::vector<T> list;
    list.reserve(count);
    for (uint32_t i = 0; i < count; ++i) {
      WATTLE_TRY(T item, codec_detail::decode_at<T>(reader, i));
      list.push_back(std::move(item));
    }
    return list;
  }
};

template <class... T>
struct Code<std::tuple<T...>> : codec_detail::ProductCode<T...> {
  static void encode(Writer& writer, const std::tuple<T...>& value) {
    codec_detail::encode_tuple(writer, value);
  }
  static Result<std::tuple<T...>> decode(Reader& reader) { return codec_detail::decode_tuple<T...>(reader); }
};
template <class First, class Second>
struct Code<std::pair<First, Second>> : codec_detail::ProductCode<First, Second> {
  static void encode(Writer& writer, const std::pair<First, Second>& value) {
    codec_detail::encode_tuple(writer, value);
  }
  static Result<std::pair<First, Second>> decode(Reader& reader) {
    WATTLE_TRY(auto parts, (codec_detail::decode_tuple<First, Second>(reader)));
    return std::pair<First, Second>(std::move(std::get<0>(parts)), std::move(std::get<1>(parts)));
  }
};

namespace codec_detail {
template <class Tuple>
struct RecordCode;
template <class... T>
struct RecordCode<std::tuple<T&...>> : ProductCode<std::remove_cv_t<T>...> {
  static auto decode_fields(Reader& reader) { return decode_tuple<std::remove_cv_t<T>...>(reader); }
};
}  // namespace codec_detail

template <class T>
  requires(std::is_aggregate_v<T> && std::is_class_v<T>)
struct Code<T> : codec_detail::RecordCode<decltype(tie_fields(std::declval<T&>()))> {
  using Fields = codec_detail::RecordCode<decltype(tie_fields(std::declval<T&>()))>;
  static void encode(Writer& writer, const T& record) {
    codec_detail::encode_tuple(writer, tie_fields(record));
  }
  static Result<T> decode(Reader& reader) {
    WATTLE_TRY(auto fields, Fields::decode_fields(reader));
    return std::apply([](auto&&... field) { return T{std::move(field)...}; }, std::move(fields));
  }
};

// ---- One of several

template <class T>
struct Code<std::optional<T>> {
  static constexpr bool kStreams = Code<T>::kStreams;
  static constexpr size_t kLeastBytes = 1;
  static void encode(Writer& writer, const std::optional<T>& value) {
    writer.byte(value ? 1 : 0);
    if (value) Code<T>::encode(writer, *value);
  }
  static Result<std::optional<T>> decode(Reader& reader) {
    WATTLE_TRY(const uint32_t index, reader.discriminant(2));
    if (index == 0) return std::nullopt;
    return Code<T>::decode(reader).map([](T value) { return std::optional<T>(std::move(value)); });
  }
};

template <class T, class E>
struct Code<tl::expected<T, E>> {
  using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
  static constexpr bool kStreams = Code<Value>::kStreams || Code<E>::kStreams;
  static constexpr size_t kLeastBytes = 1;
  static void encode(Writer& writer, const tl::expected<T, E>& result) {
    writer.byte(result ? 0 : 1);
    if (!result) return Code<E>::encode(writer, result.error());
    if constexpr (!std::is_void_v<T>) Code<T>::encode(writer, *result);
  }
  // In a Result: the outer failure is the bytes', the inner one the callee's.
  static Result<tl::expected<T, E>> decode(Reader& reader) {
    WATTLE_TRY(const uint32_t index, reader.discriminant(2));
    if (index == 1) {
      WATTLE_TRY(E error, Code<E>::decode(reader));
      return tl::expected<T, E>(tl::unexpect, std::move(error));
    }
    if constexpr (std::is_void_v<T>) {
      return tl::expected<T, E>();
    } else {
      WATTLE_TRY(T value, Code<T>::decode(reader));
      return tl::expected<T, E>(tl::in_place, std::move(value));
    }
  }
};

// Has a name of its own so that a variant of very many cases can be compiled once: see
// bindings/postgres_codec.h.
template <class Variant>
struct VariantCode;

template <class... T>
struct VariantCode<std::variant<T...>> {
  static constexpr bool kStreams = (false || ... || Code<T>::kStreams);
  static constexpr size_t kLeastBytes = 1;
  static void encode(Writer& writer, const std::variant<T...>& value) {
    writer.unsigned_leb(value.index());
    std::visit([&]<class Case>(const Case& chosen) { Code<Case>::encode(writer, chosen); }, value);
  }
  static Result<std::variant<T...>> decode(Reader& reader) {
    WATTLE_TRY(const uint32_t index, reader.discriminant(sizeof...(T)));
    return decode_case<0>(reader, index);
  }

 private:
  template <size_t I>
  static Result<std::variant<T...>> decode_case(Reader& reader, uint32_t index) {
    if constexpr (I + 1 < sizeof...(T)) {
      if (index != I) return decode_case<I + 1>(reader, index);
    }
    using Case = std::variant_alternative_t<I, std::variant<T...>>;
    WATTLE_TRY(Case value, Code<Case>::decode(reader));
    return std::variant<T...>(std::in_place_index<I>, std::move(value));
  }
};

template <class... T>
struct Code<std::variant<T...>> : VariantCode<std::variant<T...>> {};

// ---- Whole messages

// Parameters, or a result, in order; paths begin with their number.
template <class... T>
void encode_all(Writer& writer, const T&... values) {
  codec_detail::encode_tuple(writer, std::tie(values...));
}
// Refuses bytes after the last.
template <class... T>
Result<std::tuple<T...>> decode_all(Reader& reader) {
  WATTLE_TRY(auto values, codec_detail::decode_tuple<T...>(reader));
  WATTLE_CHECK(reader.end());
  return values;
}

}  // namespace wattle::wrpc
