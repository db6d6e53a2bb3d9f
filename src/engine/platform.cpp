#include "engine/platform.h"

#include <libplatform/libplatform.h>
#include <v8-version.h>

#include <utility>

namespace wattle::engine {
namespace {

thread_local MemoryBudget* thread_budget = nullptr;

class BudgetedPageAllocator final : public v8::PageAllocator {
 public:
  explicit BudgetedPageAllocator(v8::PageAllocator& inner) : inner_(inner) {}

  size_t AllocatePageSize() override { return inner_.AllocatePageSize(); }
  size_t CommitPageSize() override { return inner_.CommitPageSize(); }
  void SetRandomMmapSeed(int64_t seed) override { inner_.SetRandomMmapSeed(seed); }
  void* GetRandomMmapAddr() override { return inner_.GetRandomMmapAddr(); }
  void* AllocatePages(void* address, size_t length, size_t alignment, Permission permissions) override {
    if (thread_budget != nullptr && length >= kGuardedMemoryBytes) return nullptr;
    return inner_.AllocatePages(address, length, alignment, permissions);
  }
  bool FreePages(void* address, size_t length) override { return inner_.FreePages(address, length); }
  bool ReleasePages(void* address, size_t length, size_t new_length) override {
    return inner_.ReleasePages(address, length, new_length);
  }
  bool SetPermissions(void* address, size_t length, Permission permissions) override {
    if (thread_budget != nullptr && permissions == kReadWrite && !thread_budget->commit(address, length)) {
      return false;
    }
    return inner_.SetPermissions(address, length, permissions);
  }
  bool DiscardSystemPages(void* address, size_t size) override {
    return inner_.DiscardSystemPages(address, size);
  }
  bool DecommitPages(void* address, size_t size) override { return inner_.DecommitPages(address, size); }
#if V8_MAJOR_VERSION >= 11
  bool RecommitPages(void* address, size_t size, Permission permissions) override {
    return inner_.RecommitPages(address, size, permissions);
  }
#endif

 private:
  v8::PageAllocator& inner_;
};

class BudgetedPlatform final : public v8::Platform {
 public:
  explicit BudgetedPlatform(std::unique_ptr<v8::Platform> inner)
      : inner_(std::move(inner)), pages_(*inner_->GetPageAllocator()) {}

  v8::PageAllocator* GetPageAllocator() override { return &pages_; }
  int NumberOfWorkerThreads() override { return inner_->NumberOfWorkerThreads(); }
  std::shared_ptr<v8::TaskRunner> GetForegroundTaskRunner(v8::Isolate* isolate) override {
    return inner_->GetForegroundTaskRunner(isolate);
  }
  void CallOnWorkerThread(std::unique_ptr<v8::Task> task) override {
    inner_->CallOnWorkerThread(std::move(task));
  }
  void CallBlockingTaskOnWorkerThread(std::unique_ptr<v8::Task> task) override {
    inner_->CallBlockingTaskOnWorkerThread(std::move(task));
  }
  void CallLowPriorityTaskOnWorkerThread(std::unique_ptr<v8::Task> task) override {
    inner_->CallLowPriorityTaskOnWorkerThread(std::move(task));
  }
  void CallDelayedOnWorkerThread(std::unique_ptr<v8::Task> task, double delay_in_seconds) override {
    inner_->CallDelayedOnWorkerThread(std::move(task), delay_in_seconds);
  }
#if V8_MAJOR_VERSION >= 11
  std::unique_ptr<v8::JobHandle> CreateJob(v8::TaskPriority priority,
                                           std::unique_ptr<v8::JobTask> task) override {
    return inner_->CreateJob(priority, std::move(task));
  }
#else
  std::unique_ptr<v8::JobHandle> PostJob(v8::TaskPriority priority,
                                         std::unique_ptr<v8::JobTask> task) override {
    return inner_->PostJob(priority, std::move(task));
  }
#endif
  double MonotonicallyIncreasingTime() override { return inner_->MonotonicallyIncreasingTime(); }
  double CurrentClockTimeMillis() override { return inner_->CurrentClockTimeMillis(); }
  v8::TracingController* GetTracingController() override { return inner_->GetTracingController(); }

  void forget(v8::Isolate* isolate) { v8::platform::NotifyIsolateShutdown(inner_.get(), isolate); }
  bool run_task(v8::Isolate* isolate) { return v8::platform::PumpMessageLoop(inner_.get(), isolate); }

 private:
  std::unique_ptr<v8::Platform> inner_;
  BudgetedPageAllocator pages_;
};

}  // namespace

MemoryBudget* exchange_thread_budget(MemoryBudget* budget) {
  return std::exchange(thread_budget, budget);
}

void run_tasks(v8::Platform& platform, v8::Isolate* isolate) {
  auto& ours = static_cast<BudgetedPlatform&>(platform);
  constexpr int kMostTasks = 64;
  for (int done = 0; done < kMostTasks && ours.run_task(isolate); ++done) {
  }
}

void forget_isolate(v8::Platform& platform, v8::Isolate* isolate) {
  static_cast<BudgetedPlatform&>(platform).forget(isolate);
}

std::unique_ptr<v8::Platform> make_platform(int threads) {
  auto inner = v8::platform::NewDefaultPlatform(threads);
  return std::make_unique<BudgetedPlatform>(std::move(inner));
}

}  // namespace wattle::engine
