// A pristine instance for every call: Store::take_image and Store::reset.

#include "engine/page_image.h"
#include "engine/pristine.h"
#include "engine/store_impl.h"

namespace wattle::engine {
namespace {

// How often hot pages are looked at for whether they still are.
constexpr uint32_t kForgetEvery = 64;

class StoreImage final : public Image {
 public:
  explicit StoreImage(std::vector<std::shared_ptr<const PageImage>> memories)
      : memories_(std::move(memories)) {}

  size_t bytes() const override {
    size_t pages = 0;
    for (const auto& memory : memories_) pages += memory->filled_pages();
    return pages * kPageBytes;
  }
  std::shared_ptr<const PageImage> memory(size_t index) const {
    return index < memories_.size() ? memories_[index] : nullptr;
  }

 private:
  std::vector<std::shared_ptr<const PageImage>> memories_;
};

// Calls a function that rewriting added. False: it did not return.
bool call_reserved(Store::Impl& store, const v8::Global<v8::Function>& function) {
  v8::Isolate* isolate = store.isolate.get();
  v8::HandleScope handles(isolate);
  v8::TryCatch caught(isolate);
  caught.SetCaptureMessage(false);
  return !local(function)->Call(local(store.context), v8::Undefined(isolate), 0, nullptr).IsEmpty();
}

v8::Local<v8::Function> reserved_function(Store::Impl& store, const InstanceEntry& instance,
                                          const std::string& name) {
  return local(instance.exports)
      ->Get(local(store.context), to_string(store.isolate.get(), name))
      .ToLocalChecked()
      .As<v8::Function>();
}

}  // namespace

Result<std::shared_ptr<const Image>> Store::take_image(std::shared_ptr<const Image> like) {
  Impl& store = *impl_;
  auto pristine = std::make_unique<Pristine>();
  v8::HandleScope handles(store.isolate.get());
  for (const InstanceEntry& instance : store.instances) {
    if (!instance.module->resettable()) {
      return failure(ErrorCode::unsupported,
                     "a core module changes its tables or drops segments when it runs");
    }
    const ModuleFacts& facts = instance.module->facts();
    if (facts.save_export.empty()) continue;
    v8::Global<v8::Function> save(store.isolate.get(), reserved_function(store, instance, facts.save_export));
    if (!call_reserved(store, save))
      return failure(ErrorCode::internal, "a guest's globals could not be saved");
    pristine->restore_globals.emplace_back(store.isolate.get(),
                                           reserved_function(store, instance, facts.restore_export));
  }
  auto* other = dynamic_cast<const StoreImage*>(like.get());
  std::vector<std::shared_ptr<const PageImage>> images;
  bool shares_all = other != nullptr;
  for (size_t index = 0; index < store.memories.size(); ++index) {
    const MemoryEntry& memory = store.memories[index];
    auto similar = other == nullptr ? nullptr : other->memory(index);
    WATTLE_TRY(auto taken, PristineMemory::take(memory.base, memory.bytes, similar));
    shares_all = shares_all && taken.image() == similar;
    images.push_back(taken.image());
    pristine->memories.push_back(std::move(taken));
  }
  store.grown = false;
  store.pristine = std::move(pristine);
  if (shares_all) return like;
  return std::make_shared<const StoreImage>(std::move(images));
}

bool Store::reset() {
  Impl& store = *impl_;
  if (store.pristine == nullptr || store.broken || store.terminating || store.grown) return false;
  Pristine& pristine = *store.pristine;
  for (const auto& restore : pristine.restore_globals) {
    if (!call_reserved(store, restore)) {
      store.broken = true;
      return false;
    }
  }
  const bool forget = ++pristine.resets % kForgetEvery == 0;
  for (PristineMemory& memory : pristine.memories) {
    if (forget) {
      memory.restore_hot_and_forget();
    } else {
      memory.restore_hot();
    }
  }
  if (count_faults() != pristine.faults) {
    for (PristineMemory& memory : pristine.memories) memory.restore_strays();
    pristine.faults = count_faults();
  }
  return true;
}

}  // namespace wattle::engine
