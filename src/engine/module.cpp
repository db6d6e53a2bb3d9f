#include <cstring>

#include "engine/core_binary.h"
#include "engine/engine_state.h"
#include "engine/isolate.h"
#include "engine/module_impl.h"
#include "engine/rewrite.h"

namespace wattle::engine {
namespace {

// "CompileError: WasmModuleObject::Compile(): Compiling function #0 failed: ..." without what only V8 knows.
std::string reason_of(std::string text) {
  for (std::string_view prefix :
       {"CompileError: ", "RangeError: ", "WasmModuleObject::Compile(): ", "WebAssembly.Module(): "}) {
    if (text.starts_with(prefix)) text.erase(0, prefix.size());
  }
  return text;
}

bool validates(ScratchIsolate& scratch, std::span<const uint8_t> bytes) {
  v8::HandleScope handles(scratch.isolate());
  auto context = scratch.context();
  // The isolate is gone before `bytes`, so V8 may look at them where they are.
  auto store = v8::ArrayBuffer::NewBackingStore(
      const_cast<uint8_t*>(bytes.data()), bytes.size(), [](void*, size_t, void*) {}, nullptr);
  v8::Local<v8::Value> argument = v8::ArrayBuffer::New(scratch.isolate(), std::move(store));
  auto validate = web_assembly_function(context, "validate");
  v8::Local<v8::Value> valid;
  return validate->Call(context, v8::Undefined(scratch.isolate()), 1, &argument).ToLocal(&valid) &&
         valid->IsTrue();
}

// V8 says why only through an exception of its constructor, which looks at bodies when it compiles lazily
// without lazy validation; so an invalid module is compiled once more, eagerly, for its message.
Error refusal(ScratchIsolate& scratch, std::span<const uint8_t> bytes) {
  if (auto decoded = decode_core_module(bytes); !decoded) return decoded.error();
  v8::HandleScope handles(scratch.isolate());
  v8::TryCatch caught(scratch.isolate());
  v8::V8::SetFlagsFromString("--no-wasm-lazy-validation");
  auto module = v8::WasmModuleObject::Compile(scratch.isolate(), {bytes.data(), bytes.size()});
  v8::V8::SetFlagsFromString("--wasm-lazy-validation");
  std::string reason = module.IsEmpty() ? reason_of(exception_text(scratch.isolate(), caught)) : "no reason";
  return Error(ErrorCode::invalid, "the core module is invalid: " + reason);
}

Result<v8::CompiledWasmModule> compile_valid(ScratchIsolate& scratch, std::span<const uint8_t> bytes) {
  v8::HandleScope handles(scratch.isolate());
  v8::TryCatch caught(scratch.isolate());
  v8::Local<v8::WasmModuleObject> module;
  if (!v8::WasmModuleObject::Compile(scratch.isolate(), {bytes.data(), bytes.size()}).ToLocal(&module)) {
    return failure(ErrorCode::invalid, "V8 does not compile the core module: {}",
                   reason_of(exception_text(scratch.isolate(), caught)));
  }
  return module->GetCompiledModule();
}

}  // namespace

Result<std::shared_ptr<const Module>> Module::compile(std::span<const uint8_t> bytes,
                                                      const CompileOptions& options) {
  if (!started()) return failure(not_started());
  ScratchIsolate scratch;
  if (!validates(scratch, bytes)) return failure(refusal(scratch, bytes));
  WATTLE_TRY(CoreModule decoded, decode_core_module(bytes));
  Rewritten rewritten = rewrite(decoded);
  WATTLE_TRY(auto code, compile_valid(scratch, rewritten.bytes));
  ModuleFacts facts;
  facts.imports = std::move(decoded.imports);
  facts.exports = std::move(decoded.exports);
  facts.memory = decoded.memory;
  facts.resettable = rewritten.resettable;
  facts.memory_import = std::move(rewritten.memory_import);
  facts.save_export = std::move(rewritten.save_export);
  facts.restore_export = std::move(rewritten.restore_export);
  return std::make_shared<const ModuleImpl>(std::move(facts), options, std::move(code));
}

Result<void> Module::validate(std::span<const uint8_t> bytes) {
  if (!started()) return failure(not_started());
  ScratchIsolate scratch;
  if (!validates(scratch, bytes)) return failure(refusal(scratch, bytes));
  return {};
}

}  // namespace wattle::engine
