// What a linked component's imports were bound to, kept so that its plan can be made anew after it was
// parked.
#pragma once

#include <vector>

#include "runtime/plan.h"

namespace wattle::runtime {

// The answers of an ImportSource, in the order of the planner's questions, which is always the same.
class RecordedImports {
 public:
  // Passes the questions on and records the answers.
  class Recorder final : public ImportSource {
   public:
    Recorder(ImportSource& source, RecordedImports& record) : source_(source), record_(record) {}
    Result<Plan::HostImportRef> function(std::string_view interface, std::string_view name,
                                         const wit::FunctionType& type,
                                         const wit::ResourceNamer& resource_name) override {
      WATTLE_TRY(auto import, source_.function(interface, name, type, resource_name));
      record_.functions_.push_back(import);
      return import;
    }
    Result<ResourceTypeRef> resource(std::string_view interface, std::string_view name) override {
      WATTLE_TRY(ResourceTypeRef type, source_.resource(interface, name));
      record_.resources_.push_back(type);
      return type;
    }

   private:
    ImportSource& source_;
    RecordedImports& record_;
  };

  // Gives the recorded answers once more.
  class Replay final : public ImportSource {
   public:
    explicit Replay(const RecordedImports& record) : record_(record) {}
    Result<Plan::HostImportRef> function(std::string_view, std::string_view, const wit::FunctionType&,
                                         const wit::ResourceNamer&) override {
      return record_.functions_.at(next_function_++);
    }
    Result<ResourceTypeRef> resource(std::string_view, std::string_view) override {
      return record_.resources_.at(next_resource_++);
    }

   private:
    const RecordedImports& record_;
    size_t next_function_ = 0, next_resource_ = 0;
  };

  const std::vector<Plan::HostImportRef>& functions() const { return functions_; }

 private:
  std::vector<Plan::HostImportRef> functions_;
  std::vector<ResourceTypeRef> resources_;
};

}  // namespace wattle::runtime
