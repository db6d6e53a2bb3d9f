// Isolates as the engine makes them, and the few things that every user of one needs.
//
// V8 keeps what it knows of a thread (whether it is in a guest's code, for its trap handler) with the
// isolate, and only looks at it again when a Locker is taken. Isolates are made on one thread and used on
// another, so whoever uses one holds its Locker.
#pragma once

#include <v8-locker.h>
#include <v8.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wattle::engine {

struct IsolateDeleter {
  void operator()(v8::Isolate* isolate) const;
};
using IsolatePointer = std::unique_ptr<v8::Isolate, IsolateDeleter>;

// A bare isolate, not entered. `most_heap_bytes`: of V8's own heap, not of linear memory; 0: V8's default.
// Precondition: start() succeeded.
IsolatePointer make_isolate(size_t most_heap_bytes = 0);

// An isolate with a context, for compiling. To be entered on one thread at a time, in the manner of a stack.
class ScratchIsolate {
 public:
  // `streaming`: what WebAssembly.compileStreaming calls.
  explicit ScratchIsolate(v8::WasmStreamingCallback streaming);
  ~ScratchIsolate();
  ScratchIsolate(const ScratchIsolate&) = delete;
  ScratchIsolate& operator=(const ScratchIsolate&) = delete;

  void enter();
  void leave();
  v8::Isolate* isolate() const { return isolate_.get(); }
  v8::Local<v8::Context> context() const { return context_.Get(isolate_.get()); }

 private:
  IsolatePointer isolate_;
  v8::Global<v8::Context> context_;
  std::optional<v8::Locker> locker_;  // while entered
};

v8::Local<v8::String> to_string(v8::Isolate* isolate, std::string_view text);
// A property that every context has, like WebAssembly.Instance.
v8::Local<v8::Object> web_assembly(v8::Local<v8::Context> context);
v8::Local<v8::Function> web_assembly_function(v8::Local<v8::Context> context, std::string_view name);
// "RuntimeError: unreachable"; empty if nothing was caught.
std::string exception_text(v8::Isolate* isolate, const v8::TryCatch& caught);

// How far down guests and compilers may use the stack we run on: to near its end on a fiber, else 1 MiB at
// most.
uintptr_t current_stack_limit();

// A persistent handle as a local one, without copying it. Valid while `handle` lives.
template <class T>
v8::Local<T> local(const v8::Global<T>& handle) {
  static_assert(sizeof(v8::Local<T>) == sizeof(v8::Global<T>));
  return *reinterpret_cast<const v8::Local<T>*>(&handle);
}

}  // namespace wattle::engine
