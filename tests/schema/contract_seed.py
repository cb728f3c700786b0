"""The contract of the seed generation, the notation of `test_contract.py`."""

from typing import Any, Final

SEED: Final[dict[str, dict[str, Any]]] = {
    "blue.catbird.mls.addMembers": {
        "keyPackageHashEntry": "did*:did hash*:str",
        "errors": "ConvoNotFound NotMember KeyPackageNotFound AlreadyMember TooManyMembers BlockedByMember"
        " NotAdmin EpochMismatch InvalidCommit MissingProposal CommitMissingReferences"
        " InvalidGroupInfo GroupInfoMismatch GroupInfoUnavailable GroupReset InvalidWelcome WelcomeMismatch",
        "in": "convoId*:str idempotencyKey:str didList*:[did](1..50) commit:str welcomeMessage:str"
        " keyPackageHashes:[#keyPackageHashEntry] deviceId+:str<=64 groupInfo+:str",
        "out": "success*:bool newEpoch*:int(0..)",
    },
    "blue.catbird.mls.checkBlocks": {
        "blockRelationship": "blockerDid*:did blockedDid*:did createdAt*:datetime blockUri:at-uri",
        "errors": "TooManyDids BlueskyServiceUnavailable",
        "params": "dids*:[did](2..100)",
        "out": "blocks*:[#blockRelationship] checkedAt*:datetime unknown+:[did]",
    },
    "blue.catbird.mls.confirmWelcome": {
        "errors": "ConvoNotFound NotMember WelcomeNotFound",
        "in": "convoId*:str success*:bool errorDetails:str<=1024 deviceId+:str<=64 keyPackageHash+:str<=128",
        "out": "confirmed*:bool",
    },
    "blue.catbird.mls.createConvo": {
        "metadataInput": "name:str<=128 description:str<=512",
        "keyPackageHashEntry": "did*:did hash*:str",
        "errors": "InvalidCipherSuite KeyPackageNotFound TooManyMembers MutualBlockDetected"
        " ConvoAlreadyExists InvalidGroupInfo GroupInfoMismatch InvalidWelcome WelcomeMismatch",
        "in": "groupId*:str<=128 idempotencyKey:str cipherSuite*:suite initialMembers:[did](..100)"
        " welcomeMessage:str keyPackageHashes:[#keyPackageHashEntry] metadata:#metadataInput"
        " deviceId+:str<=64 groupInfo+:str currentEpoch+:int(0..)",
        "out": "blue.catbird.mls.defs#convoView",
    },
    "blue.catbird.mls.defs": {
        "convoView": "id*:str groupId*:str<=128 creator*:did members*:[#memberView] epoch*:int(0..)"
        " cipherSuite*:suite createdAt*:datetime lastMessageAt:datetime"
        " metadata:#convoMetadata unreadCount+:int(0..) generation+:int(0..)",
        "convoMetadata": "name:str<=128 description:str<=512",
        "memberView": "did*:did userDid*:did deviceId:str deviceName:str<=128 joinedAt*:datetime"
        " isAdmin*:bool promotedAt:datetime promotedBy:did leafIndex:int(0..)"
        " credential:bytes isModerator+:bool",
        "messageView": "id*:str convoId*:str ciphertext*:bytes<=10485760 epoch*:int(0..) seq*:int(0..)"
        " createdAt*:datetime messageType+:str(app|commit|proposal) digest+:bytes",
        "keyPackageRef": "did*:did keyPackage*:str cipherSuite*:suite deviceId+:str<=64"
        " keyPackageHash+:str<=128 lastResort+:bool remaining+:int(0..)",
    },
    "blue.catbird.mls.demoteAdmin": {
        "errors": "NotAdmin NotMember NotAdminTarget LastAdmin ConvoNotFound",
        "in": "convoId*:str targetDid*:did",
        "out": "ok*:bool",
    },
    "blue.catbird.mls.getAdminStats": {
        "moderationStats": "totalReports*:int(0..) pendingReports*:int(0..) resolvedReports*:int(0..)"
        " totalRemovals*:int(0..) blockConflictsResolved*:int(0..)"
        " reportsByCategory:#reportCategoryCounts averageResolutionTimeHours:int(0..)",
        "reportCategoryCounts": "harassment:int(0..) spam:int(0..) hateSpeech:int(0..) violence:int(0..)"
        " sexualContent:int(0..) impersonation:int(0..) privacyViolation:int(0..)"
        " otherCategory:int(0..)",
        "errors": "NotAuthorized ConvoNotFound NotMember",
        "params": "convoId:str since:datetime",
        "out": "stats*:#moderationStats generatedAt*:datetime convoId:str",
    },
    "blue.catbird.mls.getBlockStatus": {
        "errors": "ConvoNotFound NotMember NotAdmin",
        "params": "convoId*:str",
        "out": "convoId*:str hasConflicts*:bool blocks*:[blue.catbird.mls.checkBlocks#blockRelationship]"
        " checkedAt*:datetime memberCount:int(0..) unknown+:[did]",
    },
    "blue.catbird.mls.getCommits": {
        "commitMessage": "epoch*:int(0..) sender*:did commitData*:bytes<=10485760 createdAt*:datetime"
        " digest+:bytes external+:bool seq+:int(0..)",
        "errors": "ConvoNotFound NotMember InvalidEpochRange",
        "params": "convoId*:str fromEpoch*:int(0..) toEpoch:int(0..) deviceId+:str<=64 limit+:int(1..100)=50",
        "out": "convoId*:str commits*:[#commitMessage] nextEpoch+:int(0..)",
    },
    "blue.catbird.mls.getConvos": {
        "errors": "InvalidCursor",
        "params": "limit:int(1..100)=50 cursor:str",
        "out": "conversations*:[blue.catbird.mls.defs#convoView] cursor:str",
    },
    "blue.catbird.mls.getEpoch": {
        "errors": "ConvoNotFound NotMember",
        "params": "convoId*:str",
        "out": "convoId*:str currentEpoch*:int(0..) groupId+:str<=128 generation+:int(0..) digest+:bytes",
    },
    "blue.catbird.mls.getKeyPackageStats": {
        "cipherSuiteStats": "cipherSuite*:str available*:int(0..) consumed:int(0..)",
        "errors": "InvalidDid",
        "params": "did:did cipherSuite:str deviceId+:str<=64",
        "out": "available*:int(0..) threshold*:int(1..) needsReplenish*:bool oldestExpiresIn:str"
        " byCipherSuite:[#cipherSuiteStats] total+:int(0..) consumed+:int(0..)"
        " consumedLast24h+:int(0..) consumedLast7d+:int(0..) averageDailyConsumption+:int(0..)"
        " predictedDepletionDays+:int(0..)",
    },
    "blue.catbird.mls.getKeyPackages": {
        "errors": "TooManyDids InvalidDid",
        "params": "dids*:[did](1..100) cipherSuite:suite",
        "out": "keyPackages*:[blue.catbird.mls.defs#keyPackageRef] missing:[did]",
    },
    "blue.catbird.mls.getMessages": {
        "errors": "ConvoNotFound NotMember InvalidCursor",
        "params": "convoId*:str limit:int(1..100)=50 sinceMessage:str sinceSeq+:int(0..) deviceId+:str<=64"
        " type+:enum(app|commit|all)=all",
        "out": "messages*:[blue.catbird.mls.defs#messageView] cursor:str lastSeq+:int(0..)",
    },
    "blue.catbird.mls.getReports": {
        "reportView": "id*:str reporterDid*:did reportedDid*:did encryptedContent*:bytes"
        " createdAt*:datetime status*:str(pending|resolved|dismissed) resolvedBy:did"
        " resolvedAt:datetime"
        " category+:str(harassment|spam|hate_speech|violence|sexual_content|impersonation"
        "|privacy_violation|other) messageIds+:[str]"
        " resolution+:str(removed_member|dismissed|no_action) notes+:str<=1000",
        "errors": "NotAdmin ConvoNotFound NotMember InvalidCursor",
        "params": "convoId*:str status:str(pending|resolved|dismissed) limit:int(1..100)=50 cursor+:str",
        "out": "reports*:[#reportView] cursor+:str",
    },
    "blue.catbird.mls.getWelcome": {
        "errors": "ConvoNotFound NotMember WelcomeNotFound",
        "params": "convoId*:str deviceId+:str<=64",
        "out": "convoId*:str welcome*:str groupId+:str<=128 epoch+:int(0..) generation+:int(0..)"
        " keyPackageHash+:str welcomeId+:str",
    },
    "blue.catbird.mls.handleBlockChange": {
        "affectedConvo": "convoId*:str"
        " action*:str(admin_notified|auto_removed|requires_resolution|no_action)"
        " adminNotified*:bool notificationSentAt:datetime",
        "errors": "BlockNotVerified",
        "in": "blockerDid*:did blockedDid*:did action*:str(created|removed) blockUri:at-uri",
        "out": "affectedConvos*:[#affectedConvo]",
    },
    "blue.catbird.mls.leaveConvo": {
        "errors": "ConvoNotFound NotMember LastMember LastAdmin NotAdmin TargetNotMember EpochMismatch"
        " InvalidCommit MissingProposal CommitMissingReferences InvalidGroupInfo"
        " GroupInfoMismatch GroupInfoUnavailable GroupReset",
        "in": "convoId*:str targetDid:did commit:str idempotencyKey+:str<=64 deviceId+:str<=64"
        " groupInfo+:str",
        "out": "success*:bool newEpoch*:int(0..)",
    },
    "blue.catbird.mls.message.defs": {
        "payloadView": "version*:const(1) messageType:suite text:str<=10000"
        " embed:union(#recordEmbed|#linkEmbed|#gifEmbed) adminRoster:#adminRoster"
        " adminAction:#adminAction reaction+:#reactionPayload"
        " readReceipt+:#readReceiptPayload typing+:#typingPayload",
        "recordEmbed": "uri*:at-uri cid:cid authorDid*:did previewText:str<=300 createdAt:datetime",
        "linkEmbed": "url*:uri title:str<=300 description:str<=1000 thumbnailURL:uri domain:str<=100",
        "gifEmbed": "tenorURL*:uri mp4URL*:uri title:str<=300 thumbnailURL:uri width:int(1..)"
        " height:int(1..)",
        "adminRoster": "version*:int(1..) admins*:[did] hash:str",
        "adminAction": "action*:str(promote|demote|remove) targetDid*:did timestamp*:datetime"
        " reason:str<=500",
        "reactionPayload": "messageId*:str emoji*:str<=16 action*:str(add|remove)",
        "readReceiptPayload": "messageId*:str",
        "typingPayload": "isTyping*:bool ts:int(..)",
    },
    "blue.catbird.mls.promoteAdmin": {
        "errors": "NotAdmin NotMember AlreadyAdmin ConvoNotFound",
        "in": "convoId*:str targetDid*:did",
        "out": "ok*:bool promotedAt*:datetime",
    },
    "blue.catbird.mls.publishKeyPackage": {
        "errors": "InvalidKeyPackage InvalidCipherSuite ExpirationTooFar TooManyKeyPackages KeyPackageReused",
        "in": "keyPackage*:str<=65536 idempotencyKey:str cipherSuite*:suite expires:datetime"
        " deviceId+:str<=64",
        "out": "keyPackageHash+:str available+:int(0..)",
    },
    "blue.catbird.mls.registerDevice": {
        "welcomeMessageRef": "convoId*:str welcome*:str",
        "errors": "InvalidKeyPackage DuplicatePublicKey TooManyDevices InvalidCipherSuite KeyPackageReused"
        " ExpirationTooFar TooManyKeyPackages InvalidKeyProof",
        "in": "deviceName*:str<=128 signaturePublicKey*:bytes(32..32)"
        " keyPackages*:[blue.catbird.mls.defs#keyPackageRef](1..200) proof+:#keyProof",
        "keyProof": "issuedAt*:int(0..) nonce*:bytes(16..16) signature*:bytes(64..64)",
        "out": "deviceId*:str mlsDid*:str autoJoinedConvos*:[str] welcomeMessages:[#welcomeMessageRef]"
        " pendingConvos+:[str]",
    },
    "blue.catbird.mls.removeMember": {
        "errors": "NotAdmin NotMember CannotRemoveSelf ConvoNotFound LastAdmin EpochMismatch InvalidCommit"
        " MissingProposal CommitMissingReferences InvalidGroupInfo GroupInfoMismatch GroupInfoUnavailable"
        " GroupReset",
        "in": "convoId*:str targetDid*:did idempotencyKey*:str<=26 reason:str<=500 commit+:str"
        " deviceId+:str<=64 groupInfo+:str",
        "out": "ok*:bool epochHint*:int(0..) newEpoch+:int(0..)",
    },
    "blue.catbird.mls.reportMember": {
        "errors": "NotMember TargetNotMember CannotReportSelf ConvoNotFound",
        "in": "convoId*:str reportedDid*:did"
        " category*:str(harassment|spam|hate_speech|violence|sexual_content|impersonation"
        "|privacy_violation|other) encryptedContent*:bytes<=51200 messageIds:[str](..20)"
        " idempotencyKey+:str<=64",
        "out": "reportId*:str submittedAt*:datetime",
    },
    "blue.catbird.mls.requestRejoin": {
        "errors": "ConvoNotFound AlreadyMember InvalidKeyPackage RateLimitExceeded NotMember"
        " InvalidCipherSuite KeyPackageReused TooManyKeyPackages GroupFrozen",
        "in": "convoId*:str keyPackage*:str"
        " reason:str(device_reinstall|state_loss|credential_recovery|device_change) deviceId+:str<=64",
        "out": "requestId*:str pending*:bool approvedAt:datetime",
    },
    "blue.catbird.mls.resolveReport": {
        "errors": "NotAdmin ReportNotFound AlreadyResolved NotMember",
        "in": "reportId*:str action*:str(removed_member|dismissed|no_action) notes:str<=1000",
        "out": "ok*:bool",
    },
    "blue.catbird.mls.sendMessage": {
        "errors": "ConvoNotFound NotMember InvalidAsset EpochMismatch MessageTooLarge InvalidMls GroupReset",
        "in": "convoId*:str msgId*:str<=26 idempotencyKey:str<=36 ciphertext*:bytes<=10485760"
        " epoch*:int(0..) declaredSize*:int(0..10485760) paddedSize*:int(512..10485760)"
        " deviceId+:str<=64",
        "out": "messageId*:str receivedAt*:datetime seq+:int(0..) epoch+:int(0..)",
    },
    "blue.catbird.mls.streamConvoEvents": {
        "eventWrapper": "event*:union(#messageEvent|#reactionEvent|#typingEvent|#infoEvent"
        "|#membershipChangeEvent|#convoEvent|#newDeviceEvent"
        "|#groupInfoRefreshRequestedEvent|#readditionRequestedEvent|#groupResetEvent"
        "|#treeChangedEvent|#welcomeReissueRequestedEvent|#noticeEvent)",
        "messageEvent": "cursor*:str message*:blue.catbird.mls.defs#messageView",
        "reactionEvent": "cursor*:str convoId*:str messageId*:str did*:did reaction*:str"
        " action*:str(add|remove)",
        "typingEvent": "cursor*:str convoId*:str did*:did isTyping*:bool",
        "infoEvent": "cursor*:str info*:str",
        "membershipChangeEvent": "cursor*:str convoId*:str did*:did"
        " action*:str(joined|left|removed|deviceRemoved) actor:did reason:str<=500"
        " epoch*:int(0..) seq+:int(0..) dids+:[did] deviceIds+:[str]",
        "convoEvent": "cursor*:str convoId*:str seq*:int(0..) action*:str(created|updated)"
        " what:str(role|policy) did:did role:str(admin|moderator|member) actor:did",
        "newDeviceEvent": "cursor*:str convoId*:str userDid*:did deviceId*:str deviceName:str"
        " deviceCredentialDid*:str pendingAdditionId*:str seq:int(0..)",
        "groupInfoRefreshRequestedEvent": "cursor*:str convoId*:str requestedBy*:did requestedAt*:datetime"
        " seq:int(0..)",
        "readditionRequestedEvent": "cursor*:str convoId*:str userDid*:did requestedAt*:datetime"
        " deviceId:str leasedTo:str attempt:int(0..) seq:int(0..)",
        "groupResetEvent": "cursor*:str convoId*:str newGroupId*:str<=128 resetGeneration*:int(0..)"
        " resetBy:did cipherSuite:str reason:str<=500 seq+:int(0..)",
        "treeChangedEvent": "cursor*:str convoId*:str epoch*:int(0..) confirmationTag:bytes digest+:bytes"
        " seq+:int(0..)",
        "welcomeReissueRequestedEvent": "cursor*:str convoId*:str recipientDeviceDid*:str"
        " requestedAt*:datetime requestId*:str seq+:int(0..)",
        "noticeEvent": "cursor*:str convoId*:str"
        " name*:str(warned|blockConflict|blockResolved|keyPackagesLow) did:did"
        " deviceId:str actor:did text:str<=1000 expiresAt:datetime seq+:int(0..)",
        "errors": "",
        "params": "cursor:str convoId:str deviceId+:str<=64 ticket+:str<=2048",
        "out": "#eventWrapper",
    },
    "blue.catbird.mls.updateCursor": {
        "errors": "ConvoNotFound NotMember InvalidCursor",
        "in": "convoId*:str cursor*:str deviceId+:str<=64",
        "out": "success*:bool seq+*:int(0..)",
    },
}
