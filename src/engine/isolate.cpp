#include "engine/isolate.h"

#include <pthread.h>

#include <algorithm>

#include "async/fiber.h"
#include "engine/engine_state.h"
#include "engine/platform.h"

namespace wattle::engine {
namespace {

v8::ArrayBuffer::Allocator* shared_allocator() {
  static v8::ArrayBuffer::Allocator* allocator = v8::ArrayBuffer::Allocator::NewDefaultAllocator();
  return allocator;
}

}  // namespace

void IsolateDeleter::operator()(v8::Isolate* isolate) const {
  forget_isolate(platform(), isolate);
  isolate->Dispose();
}

IsolatePointer make_isolate(size_t most_heap_bytes) {
  v8::Isolate::CreateParams parameters;
  parameters.array_buffer_allocator = shared_allocator();
  if (most_heap_bytes != 0) parameters.constraints.set_max_old_generation_size_in_bytes(most_heap_bytes);
  v8::Isolate* isolate = v8::Isolate::New(parameters);
  isolate->SetMicrotasksPolicy(v8::MicrotasksPolicy::kExplicit);
  return IsolatePointer(isolate);
}

ScratchIsolate::ScratchIsolate(v8::WasmStreamingCallback streaming) : isolate_(make_isolate()) {
  v8::Locker lock(isolate_.get());
  v8::Isolate::Scope entered(isolate_.get());
  isolate_->SetStackLimit(current_stack_limit());
  isolate_->SetWasmStreamingCallback(streaming);
  v8::HandleScope handles(isolate_.get());
  context_.Reset(isolate_.get(), v8::Context::New(isolate_.get()));
}

ScratchIsolate::~ScratchIsolate() {
  context_.Reset();
}

void ScratchIsolate::enter() {
  locker_.emplace(isolate_.get());
  isolate_->Enter();
  isolate_->SetStackLimit(current_stack_limit());
  v8::HandleScope handles(isolate_.get());
  context()->Enter();
}

void ScratchIsolate::leave() {
  {
    v8::HandleScope handles(isolate_.get());
    context()->Exit();
  }
  isolate_->Exit();
  locker_.reset();
}

v8::Local<v8::String> to_string(v8::Isolate* isolate, std::string_view text) {
  return v8::String::NewFromUtf8(isolate, text.data(), v8::NewStringType::kInternalized,
                                 static_cast<int>(text.size()))
      .ToLocalChecked();
}

v8::Local<v8::Object> web_assembly(v8::Local<v8::Context> context) {
  auto name = to_string(context->GetIsolate(), "WebAssembly");
  return context->Global()->Get(context, name).ToLocalChecked().As<v8::Object>();
}

v8::Local<v8::Function> web_assembly_function(v8::Local<v8::Context> context, std::string_view name) {
  auto key = to_string(context->GetIsolate(), name);
  return web_assembly(context)->Get(context, key).ToLocalChecked().As<v8::Function>();
}

std::string exception_text(v8::Isolate* isolate, const v8::TryCatch& caught) {
  if (!caught.HasCaught() || caught.HasTerminated()) return {};
  v8::String::Utf8Value text(isolate, caught.Exception());
  return *text == nullptr ? "an exception without a text" : std::string(*text, text.length());
}

uintptr_t current_stack_limit() {
  constexpr uintptr_t kReserve = 48 * 1024;  // for V8's own C++ and host functions below the check
  constexpr uintptr_t kMost = 1024 * 1024;
  if (async::Fiber* fiber = async::Fiber::current_or_null()) return fiber->stack_low() + kReserve;
  thread_local const uintptr_t lowest = [] {
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) return uintptr_t{0};
    void* address = nullptr;
    size_t bytes = 0;
    pthread_attr_getstack(&attributes, &address, &bytes);
    pthread_attr_destroy(&attributes);
    return reinterpret_cast<uintptr_t>(address);
  }();
  auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  return std::max(lowest + kReserve, here - kMost);
}

}  // namespace wattle::engine
