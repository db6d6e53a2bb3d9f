// Canonical definitions: lift, lower, resource built-ins, and the built-ins of later features.

#include "component/decoder.h"

namespace wattle::component {
namespace {

constexpr uint32_t kMaxOptions = 10;

// What follows the code of a later built-in, and its core signature.
enum class Immediates : uint8_t {
  none,
  flag,
  type,
  type_options,
  type_flag,
  options,
  flag_memory,
  type_table,
  flag_type,
  flag_type_table
};
struct Builtin {
  uint8_t code;
  std::string_view name;
  std::string_view feature;
  Immediates immediates;
  std::string_view signature;  // parameters, ":", results; i = i32, I = i64
};
constexpr Builtin kBuiltins[] = {
    {0x05, "task.cancel", "async", Immediates::none, ":"},
    {0x06, "subtask.cancel", "async", Immediates::flag, "i:i"},
    {0x0c, "thread.yield", "async", Immediates::flag, ":i"},
    {0x0d, "subtask.drop", "async", Immediates::none, "i:"},
    {0x0e, "stream.new", "async", Immediates::type, ":I"},
    {0x0f, "stream.read", "async", Immediates::type_options, "iii:i"},
    {0x10, "stream.write", "async", Immediates::type_options, "iii:i"},
    {0x11, "stream.cancel-read", "async", Immediates::type_flag, "i:i"},
    {0x12, "stream.cancel-write", "async", Immediates::type_flag, "i:i"},
    {0x13, "stream.drop-readable", "async", Immediates::type, "i:"},
    {0x14, "stream.drop-writable", "async", Immediates::type, "i:"},
    {0x15, "future.new", "async", Immediates::type, ":I"},
    {0x16, "future.read", "async", Immediates::type_options, "ii:i"},
    {0x17, "future.write", "async", Immediates::type_options, "ii:i"},
    {0x18, "future.cancel-read", "async", Immediates::type_flag, "i:i"},
    {0x19, "future.cancel-write", "async", Immediates::type_flag, "i:i"},
    {0x1a, "future.drop-readable", "async", Immediates::type, "i:"},
    {0x1b, "future.drop-writable", "async", Immediates::type, "i:"},
    {0x1c, "error-context.new", "error-context", Immediates::options, "ii:i"},
    {0x1d, "error-context.debug-message", "error-context", Immediates::options, "ii:"},
    {0x1e, "error-context.drop", "error-context", Immediates::none, "i:"},
    {0x1f, "waitable-set.new", "async", Immediates::none, ":i"},
    {0x20, "waitable-set.wait", "async", Immediates::flag_memory, "ii:i"},
    {0x21, "waitable-set.poll", "async", Immediates::flag_memory, "ii:i"},
    {0x22, "waitable-set.drop", "async", Immediates::none, "i:"},
    {0x23, "waitable.join", "async", Immediates::none, "ii:"},
    {0x24, "backpressure.inc", "async", Immediates::none, ":"},
    {0x25, "backpressure.dec", "async", Immediates::none, ":"},
    {0x26, "thread.index", "threads", Immediates::none, ":i"},
    {0x27, "thread.new-indirect", "threads", Immediates::type_table, "ii:i"},
    {0x28, "thread.resume-later", "threads", Immediates::none, "i:"},
    {0x29, "thread.suspend", "threads", Immediates::flag, ":i"},
    {0x2a, "thread.suspend-then-resume", "threads", Immediates::flag, "i:i"},
    {0x2b, "thread.yield-then-resume", "threads", Immediates::flag, "i:i"},
    {0x2c, "thread.suspend-then-promote", "threads", Immediates::flag, "i:i"},
    {0x2d, "thread.yield-then-promote", "threads", Immediates::flag, "i:i"},
    {0x40, "thread.spawn-ref", "shared-everything-threads", Immediates::flag_type, "ii:i"},
    {0x41, "thread.spawn-indirect", "shared-everything-threads", Immediates::flag_type_table, "ii:i"},
    {0x42, "thread.available_parallelism", "shared-everything-threads", Immediates::flag, ":i"},
};

CoreFunctionType signature_of(std::string_view text) {
  CoreFunctionType type;
  auto* side = &type.parameters;
  for (const char c : text) {
    if (c == ':')
      side = &type.results;
    else
      side->push_back(c == 'i' ? kI32 : kI64);
  }
  return type;
}

Result<void> read_flag(Reader& section) {
  const uint64_t start = section.offset();
  WATTLE_TRY(const uint8_t flag, section.byte());
  if (flag > 1) return failure(error_at(ErrorCode::malformed, start, "invalid boolean value"));
  return {};
}

}  // namespace

// canon
Result<void> Decoder::read_canonical(Reader& section) {
  WATTLE_TRY(const uint8_t code, section.byte());
  using Operation = CanonResource::Operation;
  switch (code) {
    case 0x00:
      return read_lift(section);
    case 0x01:
      return read_lower(section);
    case 0x02:
    case 0x03:
    case 0x04: {
      WATTLE_TRY(const uint32_t resource, section.u32());
      const Operation operation = code == 0x02   ? Operation::create
                                  : code == 0x03 ? Operation::drop
                                                 : Operation::representation;
      return validator_.resource_builtin(operation, resource);
    }
    case 0x09:
      return read_task_return(section);
    case 0x0a:
      return read_context(section, "context.get", true);
    case 0x0b:
      return read_context(section, "context.set", false);
    default:
      return read_later_builtin(section, code);
  }
}

Result<void> Decoder::read_lift(Reader& section) {
  WATTLE_TRY(const uint8_t sort, section.byte());
  if (sort != 0x00) return section.bad_leading_byte(sort, "canonical function lift");
  WATTLE_TRY(const uint32_t core_function, section.u32());
  WATTLE_TRY(const Options options, read_options(section));
  WATTLE_TRY(const uint32_t type, section.u32());
  if (options.is_async) return validator_.lift_later(core_function, options.canonical, type);
  return validator_.lift(core_function, options.canonical, type);
}

Result<void> Decoder::read_lower(Reader& section) {
  WATTLE_TRY(const uint8_t sort, section.byte());
  if (sort != 0x00) return section.bad_leading_byte(sort, "canonical function lower");
  WATTLE_TRY(const uint32_t function, section.u32());
  WATTLE_TRY(const Options options, read_options(section));
  if (options.callback)
    return validator_.refuse("canonical option `callback` cannot be specified for lowerings");
  if (options.is_async) return validator_.lower_later(function, options.canonical);
  return validator_.lower(function, options.canonical);
}

// opts
Result<Decoder::Options> Decoder::read_options(Reader& section) {
  WATTLE_TRY(const uint32_t count, section.count(kMaxOptions, "canonical options"));
  Options options;
  std::string_view encoding;
  for (uint32_t i = 0; i < count; i++) {
    WATTLE_TRY(const uint8_t option, section.byte());
    WATTLE_CHECK(read_option(section, option, options, encoding));
  }
  if (options.callback && !options.is_async)
    return validator_.refuse("cannot specify callback without async");
  if (options.is_async && options.canonical.post_return)
    return validator_.refuse("cannot specify post-return function in async");
  return options;
}

Result<void> Decoder::read_option(Reader& section, uint8_t option, Options& options,
                                  std::string_view& encoding) {
  const auto read_index = [&](std::optional<uint32_t>& slot, std::string_view name) -> Result<void> {
    WATTLE_TRY(const uint32_t index, section.u32());
    if (slot)
      return validator_.refuse(fmt::format("canonical option `{}` is specified more than once", name));
    slot = index;
    return {};
  };
  switch (option) {
    case 0x00:
    case 0x01:
    case 0x02: {
      constexpr std::string_view kNames[] = {"utf8", "utf16", "latin1-utf16"};
      if (!encoding.empty())
        return validator_.refuse(fmt::format("canonical encoding option `{}` conflicts with option `{}`",
                                             encoding, kNames[option]));
      encoding = kNames[option];
      options.canonical.string_encoding = static_cast<StringEncoding>(option);
      return {};
    }
    case 0x03:
      WATTLE_CHECK(read_index(options.canonical.memory, "memory"));
      return validator_.check_memory(*options.canonical.memory);
    case 0x04:
      return read_index(options.canonical.realloc, "realloc");
    case 0x05:
      return read_index(options.canonical.post_return, "post-return");
    case 0x06:
      validator_.note_feature("async");
      if (options.is_async) return validator_.refuse("canonical option `async` is specified more than once");
      options.is_async = true;
      return {};
    case 0x07:
      validator_.note_feature("async");
      return read_index(options.callback, "callback");
    case 0x08:
    case 0x09:
      validator_.note_feature("gc");
      return failure(error_at(ErrorCode::unsupported, section.offset() - 1,
                              "canonical option `gc` requires the component model gc feature"));
    default:
      return section.bad_leading_byte(option, "canonical option");
  }
}

// task.return: the flat form of a result as parameters
Result<void> Decoder::read_task_return(Reader& section) {
  WATTLE_TRY(const uint8_t form, section.byte());
  wit::TypeRef result;
  if (form == 0x00) {
    WATTLE_TRY(result, read_value_type(section));
  } else if (form == 0x01) {
    WATTLE_TRY(const uint8_t results, section.byte());
    if (results != 0x00) return section.bad_leading_byte(results, "number of results");
  } else {
    return section.bad_leading_byte(form, "component function results");
  }
  WATTLE_TRY(const Options options, read_options(section));
  if (options.is_async) return validator_.refuse("cannot specify `async` option on `task.return`");
  if (options.canonical.post_return)
    return validator_.refuse("cannot specify `post-return` option on `task.return`");
  if (options.canonical.realloc) return validator_.refuse("cannot specify `realloc` option on `task.return`");
  CoreFunctionType type;
  type.parameters = validator_.task_return_parameters(result);
  return validator_.add_later_core_function("task.return", "async", std::move(type));
}

Result<void> Decoder::read_context(Reader& section, std::string_view name, bool is_get) {
  WATTLE_TRY(const auto value, read_core_value_type(section));
  WATTLE_TRY(const uint32_t slot, section.u32());
  if (!(value == kI32) && !(value == kI64))
    return validator_.refuse(fmt::format("`{}` only supports `i32` or `i64`", name));
  if (slot > 1) return validator_.refuse(fmt::format("immediate must be zero: {}", slot));
  CoreFunctionType type;
  (is_get ? type.results : type.parameters).push_back(value);
  return validator_.add_later_core_function(name, "async", std::move(type));
}

Result<void> Decoder::read_later_builtin(Reader& section, uint8_t code) {
  const Builtin* builtin = nullptr;
  for (const Builtin& candidate : kBuiltins)
    if (candidate.code == code) builtin = &candidate;
  if (builtin == nullptr) return section.bad_leading_byte(code, "canonical function");
  const Immediates form = builtin->immediates;
  const bool starts_with_flag = form == Immediates::flag || form == Immediates::flag_memory ||
                                form == Immediates::flag_type || form == Immediates::flag_type_table;
  if (starts_with_flag) WATTLE_CHECK(read_flag(section));
  if (form == Immediates::type || form == Immediates::type_options || form == Immediates::type_flag) {
    WATTLE_TRY(const uint32_t type, section.u32());
    const auto constructor = builtin->name.substr(0, builtin->name.find('.'));
    WATTLE_CHECK(validator_.check_later_type(type, constructor, builtin->name));
  }
  if (form == Immediates::type_flag) WATTLE_CHECK(read_flag(section));
  if (form == Immediates::type_options || form == Immediates::options) WATTLE_CHECK(read_options(section));
  if (form == Immediates::flag_memory) {
    WATTLE_TRY(const uint32_t memory, section.u32());
    WATTLE_CHECK(validator_.check_memory(memory));
  }
  if (form == Immediates::type_table || form == Immediates::flag_type ||
      form == Immediates::flag_type_table) {
    WATTLE_TRY(const uint32_t type, section.u32());
    WATTLE_CHECK(validator_.core_type_at(validator_.current(), type));
  }
  if (form == Immediates::type_table || form == Immediates::flag_type_table) {
    WATTLE_TRY(const uint32_t table, section.u32());
    WATTLE_CHECK(validator_.check_table(table));
  }
  return validator_.add_later_core_function(builtin->name, builtin->feature,
                                            signature_of(builtin->signature));
}

}  // namespace wattle::component
