#include "wrpc/value_codec.h"

#include <optional>
#include <utility>

#include "wit/transcode.h"
#include "wit/wave.h"

namespace wattle::wrpc {
namespace {

using wit::Kind;
using wit::Type;
using wit::TypeRef;
using wit::Value;
using wit::Values;

constexpr uint32_t kDepthMax = 100;

tl::unexpected<Error> mismatch(const Type& type) {
  return failure(ErrorCode::invalid_argument, "the value is not of its type: {} expected",
                 wit::kind_name(type.kind));
}

tl::unexpected<Error> no_handles() {
  return failure(ErrorCode::unsupported, "a handle of a resource cannot cross to another host");
}

// A lower bound of the bytes that a value takes: 0 or 1.
size_t least_bytes(const Type& type) {
  const Type* at = &type;
  while (at->kind == Kind::record || at->kind == Kind::tuple) {
    if (at->members.empty()) return 0;
    at = at->members[0].type.get();
  }
  return at->kind == Kind::flags && at->members.empty() ? 0 : 1;
}

size_t flags_bytes(const Type& type) {
  return (type.members.size() + 7) / 8;
}

class Encoder {
 public:
  Encoder(Writer& writer, HandleWire* handles) : writer_(writer), handles_(handles) {}

  Result<void> encode(const Type& type, const Value& value) {
    if (depth_ >= kDepthMax)
      return failure(ErrorCode::unsupported, "values nested more than {} deep cannot cross to another host",
                     kDepthMax);
    ++depth_;
    Result<void> done = encode_kind(type, value);
    --depth_;
    return done;
  }

 private:
  Result<void> encode_kind(const Type& type, const Value& value) {
    switch (type.kind) {
      case Kind::boolean:
        return scalar<bool>(type, value, [&](bool bit) { writer_.byte(bit ? 1 : 0); });
      case Kind::s8:
        return scalar<int8_t>(type, value, [&](int8_t byte) { writer_.byte(static_cast<uint8_t>(byte)); });
      case Kind::u8:
        return scalar<uint8_t>(type, value, [&](uint8_t byte) { writer_.byte(byte); });
      case Kind::s16:
        return scalar<int16_t>(type, value, [&](int16_t number) { writer_.signed_leb(number); });
      case Kind::u16:
        return scalar<uint16_t>(type, value, [&](uint16_t number) { writer_.unsigned_leb(number); });
      case Kind::s32:
        return scalar<int32_t>(type, value, [&](int32_t number) { writer_.signed_leb(number); });
      case Kind::u32:
        return scalar<uint32_t>(type, value, [&](uint32_t number) { writer_.unsigned_leb(number); });
      case Kind::s64:
        return scalar<int64_t>(type, value, [&](int64_t number) { writer_.signed_leb(number); });
      case Kind::u64:
        return scalar<uint64_t>(type, value, [&](uint64_t number) { writer_.unsigned_leb(number); });
      case Kind::f32:
        return scalar<float>(type, value, [&](float number) { writer_.fixed(number); });
      case Kind::f64:
        return scalar<double>(type, value, [&](double number) { writer_.fixed(number); });
      case Kind::character:
        return character(type, value);
      case Kind::string:
        return scalar<std::string>(type, value, [&](const std::string& text) { writer_.text(text); });
      default:
        return encode_compound(type, value);
    }
  }

  Result<void> encode_compound(const Type& type, const Value& value) {
    switch (type.kind) {
      case Kind::list:
        return list(type, value);
      case Kind::record:
      case Kind::tuple:
        return record(type, value);
      case Kind::flags:
        return flags(type, value);
      case Kind::own:
      case Kind::borrow:
        return handle(type, value);
      default:
        return one_of(type, value);
    }
  }

  template <class T, class Write>
  Result<void> scalar(const Type& type, const Value& value, Write write) {
    const T* data = std::get_if<T>(&value.data);
    if (!data) return mismatch(type);
    write(*data);
    return {};
  }

  Result<void> character(const Type& type, const Value& value) {
    const auto* data = std::get_if<char32_t>(&value.data);
    if (!data || !wit::is_scalar_value(*data)) return mismatch(type);
    writer_.character(*data);
    return {};
  }

  Result<void> list(const Type& type, const Value& value) {
    if (const auto* bytes = std::get_if<wit::ByteList>(&value.data)) {
      if (!wit::is_list_of_bytes(type)) return mismatch(type);
      writer_.text({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
      return {};
    }
    const auto* values = std::get_if<Values>(&value.data);
    if (!values) return mismatch(type);
    writer_.unsigned_leb(values->size());
    for (size_t i = 0; i < values->size(); i++) WATTLE_CHECK(element(i, *type.element(), (*values)[i]));
    return {};
  }

  Result<void> record(const Type& type, const Value& value) {
    const auto* values = std::get_if<Values>(&value.data);
    if (!values || values->size() != type.members.size()) return mismatch(type);
    for (size_t i = 0; i < values->size(); i++) WATTLE_CHECK(element(i, *type.members[i].type, (*values)[i]));
    return {};
  }

  // Only handles care for the path.
  Result<void> element(size_t index, const Type& type, const Value& value) {
    if (handles_ == nullptr) return encode(type, value);
    PathScope place(writer_, index);
    return encode(type, value);
  }

  Result<void> one_of(const Type& type, const Value& value) {
    const auto* chosen = std::get_if<wit::CaseValue>(&value.data);
    if (!chosen || chosen->index >= wit::case_count(type)) return mismatch(type);
    const TypeRef payload = wit::case_type(type, chosen->index);
    if ((payload != nullptr) != (chosen->payload != nullptr)) return mismatch(type);
    writer_.unsigned_leb(chosen->index);
    return payload ? encode(*payload, *chosen->payload) : Result<void>();
  }

  Result<void> flags(const Type& type, const Value& value) {
    const auto* flags = std::get_if<wit::FlagsValue>(&value.data);
    if (!flags || flags->set.size() != type.members.size()) return mismatch(type);
    std::string bytes(flags_bytes(type), '\0');
    for (size_t i = 0; i < flags->set.size(); i++)
      if (flags->set[i]) bytes[i / 8] = static_cast<char>(static_cast<uint8_t>(bytes[i / 8]) | 1u << (i % 8));
    writer_.raw(bytes);
    return {};
  }

  Result<void> handle(const Type& type, const Value& value) {
    const auto* handle = std::get_if<wit::HandleValue>(&value.data);
    if (!handle) return mismatch(type);
    if (handles_ == nullptr) return no_handles();
    if (handles_->is_byte_stream(type.resource)) {
      WATTLE_TRY(auto pipe, handles_->pipe_of(*handle));
      write_byte_stream(writer_, std::move(pipe));
      return {};
    }
    WATTLE_TRY(const std::string token, handles_->token_of(type.kind, type.resource, *handle));
    writer_.text(token);
    return {};
  }

  Writer& writer_;
  HandleWire* handles_;
  uint32_t depth_ = 0;
};

class Decoder {
 public:
  Decoder(Reader& reader, HandleWire* handles) : reader_(reader), handles_(handles) {}

  Result<Value> decode(const Type& type) {
    WATTLE_CHECK(reader_.enter());
    Result<Value> value = decode_kind(type);
    reader_.leave();
    return value;
  }

 private:
  Result<Value> decode_kind(const Type& type) {
    switch (type.kind) {
      case Kind::boolean:
        return value_of<bool>(reader_.boolean());
      case Kind::s8:
        return value_of<int8_t>(reader_.byte());
      case Kind::u8:
        return value_of<uint8_t>(reader_.byte());
      case Kind::s16:
        return value_of<int16_t>(reader_.signed_leb(16));
      case Kind::u16:
        return value_of<uint16_t>(reader_.unsigned_leb(16));
      case Kind::s32:
        return value_of<int32_t>(reader_.signed_leb(32));
      case Kind::u32:
        return value_of<uint32_t>(reader_.unsigned_leb(32));
      case Kind::s64:
        return value_of<int64_t>(reader_.signed_leb(64));
      case Kind::u64:
        return value_of<uint64_t>(reader_.unsigned_leb(64));
      case Kind::f32:
        return value_of<float>(reader_.fixed<float>());
      case Kind::f64:
        return value_of<double>(reader_.fixed<double>());
      case Kind::character:
        return value_of<char32_t>(reader_.character());
      case Kind::string:
        return value_of<std::string>(reader_.text());
      default:
        return decode_compound(type);
    }
  }

  Result<Value> decode_compound(const Type& type) {
    switch (type.kind) {
      case Kind::list:
        return list(type);
      case Kind::record:
      case Kind::tuple:
        return record(type);
      case Kind::flags:
        return flags(type);
      case Kind::own:
      case Kind::borrow:
        return handle(type);
      default:
        return one_of(type);
    }
  }

  template <class T, class Read>
  static Result<Value> value_of(Result<Read> read) {
    if (!read) return failure(std::move(read).error());
    return Value{static_cast<T>(*read)};
  }

  Result<Value> element(size_t index, const Type& type) {
    if (handles_ == nullptr) return decode(type);
    PathScope place(reader_, index);
    return decode(type);
  }

  Result<Value> list(const Type& type) {
    const Type& element_type = *type.element();
    if (element_type.kind == Kind::u8) {
      WATTLE_TRY(const std::string_view bytes, reader_.blob());
      const auto* first = reinterpret_cast<const uint8_t*>(bytes.data());
      return Value{wit::ByteList(first, first + bytes.size())};
    }
    WATTLE_TRY(const uint32_t count, reader_.count(least_bytes(element_type), sizeof(Value)));
    Values values;
    values.reserve(count);
    for (uint32_t i = 0; i < count; i++) {
      WATTLE_TRY(Value value, element(i, element_type));
      values.push_back(std::move(value));
    }
    return Value{std::move(values)};
  }

  Result<Value> record(const Type& type) {
    WATTLE_CHECK(reader_.spend(type.members.size() * sizeof(Value)));
    Values values;
    values.reserve(type.members.size());
    for (size_t i = 0; i < type.members.size(); i++) {
      WATTLE_TRY(Value value, element(i, *type.members[i].type));
      values.push_back(std::move(value));
    }
    return Value{std::move(values)};
  }

  Result<Value> one_of(const Type& type) {
    WATTLE_TRY(const uint32_t index, reader_.discriminant(wit::case_count(type)));
    const TypeRef payload = wit::case_type(type, index);
    if (!payload) return wit::case_value(index);
    WATTLE_CHECK(reader_.spend(sizeof(Value)));
    WATTLE_TRY(Value value, decode(*payload));
    return wit::case_value(index, std::move(value));
  }

  // Bits beyond the last label are ignored, as lifting ignores them.
  Result<Value> flags(const Type& type) {
    WATTLE_TRY(const std::string_view bytes, reader_.take(flags_bytes(type)));
    WATTLE_CHECK(reader_.spend(bytes.size()));
    wit::FlagsValue flags;
    flags.set.resize(type.members.size());
    for (size_t i = 0; i < flags.set.size(); i++)
      flags.set[i] = (static_cast<uint8_t>(bytes[i / 8]) >> (i % 8) & 1) != 0;
    return Value{std::move(flags)};
  }

  Result<Value> handle(const Type& type) {
    if (handles_ == nullptr) return no_handles();
    if (handles_->is_byte_stream(type.resource)) {
      WATTLE_TRY(auto pipe, read_byte_stream(reader_));
      WATTLE_TRY(const wit::HandleValue stream, handles_->handle_of(type.resource, std::move(pipe)));
      return Value{stream};
    }
    WATTLE_TRY(const std::string_view token, reader_.blob());
    WATTLE_TRY(const wit::HandleValue handle, handles_->handle_of(type.kind, type.resource, token));
    return Value{handle};
  }

  Reader& reader_;
  HandleWire* handles_;
};

}  // namespace

Result<void> encode_value(Writer& writer, const TypeRef& type, const Value& value, HandleWire* handles) {
  return Encoder(writer, handles).encode(*type, value);
}

Result<Value> decode_value(Reader& reader, const TypeRef& type, HandleWire* handles) {
  return Decoder(reader, handles).decode(*type);
}

Result<void> encode_parameters(Writer& writer, const wit::FunctionType& function,
                               std::span<const Value> values, HandleWire* handles) {
  if (values.size() != function.parameters.size())
    return failure(ErrorCode::invalid_argument, "{} arguments given, the function takes {}", values.size(),
                   function.parameters.size());
  for (size_t i = 0; i < values.size(); i++) {
    PathScope place(writer, i);
    WATTLE_CHECK(encode_value(writer, function.parameters[i].type, values[i], handles));
  }
  return {};
}

Result<Values> decode_parameters(Reader& reader, const wit::FunctionType& function, HandleWire* handles) {
  Values values;
  values.reserve(function.parameters.size());
  for (size_t i = 0; i < function.parameters.size(); i++) {
    PathScope place(reader, i);
    WATTLE_TRY(Value value, decode_value(reader, function.parameters[i].type, handles));
    values.push_back(std::move(value));
  }
  WATTLE_CHECK(reader.end());
  return values;
}

Result<void> encode_result(Writer& writer, const wit::FunctionType& function,
                           const std::optional<Value>& value, HandleWire* handles) {
  if (value.has_value() != (function.result != nullptr))
    return failure(ErrorCode::invalid_argument, "the function's result {}",
                   value ? "is none, but there is a value" : "is missing");
  if (!value) return {};
  PathScope place(writer, 0);
  return encode_value(writer, function.result, *value, handles);
}

Result<std::optional<Value>> decode_result(Reader& reader, const wit::FunctionType& function,
                                           HandleWire* handles) {
  if (function.result == nullptr) {
    WATTLE_CHECK(reader.end());
    return std::optional<Value>();
  }
  PathScope place(reader, 0);
  WATTLE_TRY(Value value, decode_value(reader, function.result, handles));
  WATTLE_CHECK(reader.end());
  return std::optional<Value>(std::move(value));
}

}  // namespace wattle::wrpc
