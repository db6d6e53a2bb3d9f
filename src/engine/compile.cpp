#include "engine/compile.h"

#include <mutex>
#include <optional>

#include "engine/core_binary.h"
#include "engine/engine_state.h"
#include "engine/platform.h"

namespace wattle::engine {
namespace {

// What may be compiled in one isolate before it is thrown away; each use counts a little, too.
constexpr uint64_t kMostBytes = 1 << 20;
constexpr uint64_t kBytesPerUse = 16 * 1024;

// "CompileError: WasmModuleObject::Compile(): Compiling function #0 failed: ..." without what only V8 knows.
std::string reason_of(std::string text) {
  for (std::string_view prefix :
       {"CompileError: ", "RangeError: ", "WasmModuleObject::Compile(): ", "WebAssembly.Module(): "}) {
    if (text.starts_with(prefix)) text.erase(0, prefix.size());
  }
  return text;
}

// V8 looks at bytes of ours where they are, and does not once the call that is given the buffer is over.
v8::Local<v8::ArrayBuffer> borrowed_buffer(v8::Isolate* isolate, std::span<const uint8_t> bytes) {
  auto store = v8::ArrayBuffer::NewBackingStore(
      const_cast<uint8_t*>(bytes.data()), bytes.size(), [](void*, size_t, void*) {}, nullptr);
  return v8::ArrayBuffer::New(isolate, std::move(store));
}

// What a streaming compilation is fed with; V8's callback has no room for a context.
struct Feed {
  std::span<const uint8_t> bytes, code;
  bool refused = false;
};
thread_local Feed* current_feed = nullptr;

Result<v8::CompiledWasmModule> compile(v8::Local<v8::Context> context, std::span<const uint8_t> bytes) {
  v8::Isolate* isolate = context->GetIsolate();
  v8::TryCatch caught(isolate);
  v8::Local<v8::WasmModuleObject> module;
  if (!v8::WasmModuleObject::Compile(isolate, {bytes.data(), bytes.size()}).ToLocal(&module)) {
    return failure(ErrorCode::invalid, "V8 does not compile the core module: {}",
                   reason_of(exception_text(isolate, caught)));
  }
  return module->GetCompiledModule();
}

// Nothing if V8 does not take the code.
std::optional<v8::CompiledWasmModule> load(v8::Local<v8::Context> context, std::span<const uint8_t> bytes,
                                           std::span<const uint8_t> code) {
  v8::Isolate* isolate = context->GetIsolate();
  v8::TryCatch caught(isolate);
  Feed feed{bytes, code};
  current_feed = &feed;
  v8::Local<v8::Value> source = v8::Undefined(isolate);
  v8::Local<v8::Value> result;
  const bool called = web_assembly_function(context, "compileStreaming")
                          ->Call(context, v8::Undefined(isolate), 1, &source)
                          .ToLocal(&result);
  if (!called || !result->IsPromise()) return std::nullopt;
  auto promise = result.As<v8::Promise>();
  promise->MarkAsHandled();
  const TimePoint give_up = Clock::now() + std::chrono::seconds(10);
  while (!feed.refused && promise->State() == v8::Promise::kPending && Clock::now() < give_up) {
    run_tasks(platform(), isolate);
    isolate->PerformMicrotaskCheckpoint();
  }
  current_feed = nullptr;
  if (feed.refused || promise->State() != v8::Promise::kFulfilled) return std::nullopt;
  return promise->Result().As<v8::WasmModuleObject>()->GetCompiledModule();
}

}  // namespace

void feed_stream(const v8::FunctionCallbackInfo<v8::Value>& info) {
  auto stream = v8::WasmStreaming::Unpack(info.GetIsolate(), info.Data());
  Feed& feed = *current_feed;
  feed.refused = !stream->SetCompiledModuleBytes(feed.code.data(), feed.code.size());
  if (feed.refused) return stream->Abort({});
  stream->OnBytesReceived(feed.bytes.data(), feed.bytes.size());
  stream->Finish();
}

Result<v8::CompiledWasmModule> load_or_compile(v8::Local<v8::Context> context, std::span<const uint8_t> bytes,
                                               std::span<const uint8_t> code) {
  v8::HandleScope handles(context->GetIsolate());
  if (!code.empty()) {
    if (auto loaded = load(context, bytes, code)) return std::move(*loaded);
  }
  return compile(context, bytes);
}

// One spare isolate for the whole process.
struct CompilingIsolate::Spare {
  std::mutex mutex;
  std::unique_ptr<ScratchIsolate> scratch;
  uint64_t bytes = 0;

  static Spare& instance() {
    static Spare* spare = new Spare;
    return *spare;
  }
};

CompilingIsolate::CompilingIsolate() {
  {
    Spare& spare = Spare::instance();
    std::lock_guard lock(spare.mutex);
    scratch_ = std::move(spare.scratch);
    bytes_ = spare.bytes;
  }
  if (scratch_ == nullptr) {
    scratch_ = std::make_unique<ScratchIsolate>(feed_stream);
    bytes_ = 0;
  }
  scratch_->enter();
}

CompilingIsolate::~CompilingIsolate() {
  run_tasks(platform(), scratch_->isolate());
  scratch_->leave();
  bytes_ += kBytesPerUse;
  if (bytes_ > kMostBytes) return;
  Spare& spare = Spare::instance();
  std::lock_guard lock(spare.mutex);
  if (spare.scratch != nullptr) return;
  spare.scratch = std::move(scratch_);
  spare.bytes = bytes_;
}

bool CompilingIsolate::validates(std::span<const uint8_t> bytes) {
  v8::Isolate* isolate = scratch_->isolate();
  v8::HandleScope handles(isolate);
  auto context = scratch_->context();
  v8::Local<v8::Value> argument = borrowed_buffer(isolate, bytes);
  v8::Local<v8::Value> valid;
  const bool called = web_assembly_function(context, "validate")
                          ->Call(context, v8::Undefined(isolate), 1, &argument)
                          .ToLocal(&valid);
  return called && valid->IsTrue();
}

Error CompilingIsolate::refusal(std::span<const uint8_t> bytes) {
  if (auto decoded = decode_core_module(bytes); !decoded) return decoded.error();
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  v8::Isolate* isolate = scratch_->isolate();
  v8::HandleScope handles(isolate);
  v8::TryCatch caught(isolate);
  // V8 tells the reason only when it validates while it compiles.
  v8::V8::SetFlagsFromString("--no-wasm-lazy-validation");
  auto module = v8::WasmModuleObject::Compile(isolate, {bytes.data(), bytes.size()});
  v8::V8::SetFlagsFromString("--wasm-lazy-validation");
  std::string reason = module.IsEmpty() ? reason_of(exception_text(isolate, caught)) : "V8 gives no reason";
  return Error(ErrorCode::invalid, "the core module is invalid: " + reason);
}

Result<v8::CompiledWasmModule> CompilingIsolate::load_or_compile(std::span<const uint8_t> bytes,
                                                                 std::span<const uint8_t> code) {
  bytes_ += bytes.size();
  v8::HandleScope handles(scratch_->isolate());
  return engine::load_or_compile(scratch_->context(), bytes, code);
}

}  // namespace wattle::engine
