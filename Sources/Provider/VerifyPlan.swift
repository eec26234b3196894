// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Guest
internal import Images
package import Interface
package import Report

/// What is wrong with an OS, its variant and its parameters, as far as `create` would find it without an instance.
package struct VerifyPlan {
  /// One in each element; none where all is right.
  package let faults: [Failure]

  package init(_ os: RequestedOS) {
    let (configuration, faults) = Configuration.read(
      definitionDirectory: os.definition, variant: os.variant, parameters: os.parameters)
    guard faults.isEmpty else {
      self.faults = faults
      return
    }
    do throws(Failure) {
      let userData = try configuration.userDataBytes()
      let site = try SiteFiles(configuration, fill: nil)
      // Whether a guest is told by a seed is known of no other.
      if configuration.image != nil, configuration.configure == .seed, let site = try site?.ofSeed() {
        try SeedImage.refuseWithoutRoom([UInt64(userData?.count ?? 0), site.size], configuration.placeOfSeed)
      }
      // Whether an image that is fetched can be believed, or this machine knows where the release comes from, and whose
      // signatures it carries.
      if try DiskImage(configuration) == nil { _ = try ImageRecipe(configuration.imageRequests[0]) }
      self.faults = []
    } catch {
      self.faults = [error]
    }
  }
}
