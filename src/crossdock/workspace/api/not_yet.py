"""Segment's operations that are not built yet: answered 501. An operation leaves this list when its
handler comes; a test holds both against Segment's own client."""

from typing import Final, Literal, NamedTuple


class NotYet(NamedTuple):
    id: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str


NOT_YET: Final = (
    NotYet(
        "listDeliveryMetricsSummaryFromDestination",
        "GET",
        "/destinations/{destination_id:str}/delivery-metrics",
    ),
    NotYet("listFunctions", "GET", "/functions"),
    NotYet("createFunction", "POST", "/functions"),
    NotYet("deleteFunction", "DELETE", "/functions/{function_id:str}"),
    NotYet("getFunction", "GET", "/functions/{function_id:str}"),
    NotYet("updateFunction", "PATCH", "/functions/{function_id:str}"),
    NotYet("createFunctionDeployment", "POST", "/functions/{function_id:str}/deploy"),
    NotYet("listFunctionVersions", "GET", "/functions/{function_id:str}/versions"),
    NotYet("restoreFunctionVersion", "POST", "/functions/{function_id:str}/versions"),
    NotYet("getFunctionVersion", "GET", "/functions/{function_id:str}/versions/{version_id:str}"),
    NotYet("listInsertFunctionInstances", "GET", "/insert-function-instances"),
    NotYet("createInsertFunctionInstance", "POST", "/insert-function-instances"),
    NotYet(
        "deleteInsertFunctionInstance", "DELETE", "/insert-function-instances/{instance_id:str}"
    ),
    NotYet("getInsertFunctionInstance", "GET", "/insert-function-instances/{instance_id:str}"),
    NotYet("updateInsertFunctionInstance", "PATCH", "/insert-function-instances/{instance_id:str}"),
    NotYet("listWorkspaceRegulations", "GET", "/regulations"),
    NotYet("createWorkspaceRegulation", "POST", "/regulations"),
    NotYet("createCloudSourceRegulation", "POST", "/regulations/cloudsources/{source_id:str}"),
    NotYet("listRegulationsFromSource", "GET", "/regulations/sources/{source_id:str}"),
    NotYet("createSourceRegulation", "POST", "/regulations/sources/{source_id:str}"),
    NotYet("deleteRegulation", "DELETE", "/regulations/{regulate_id:str}"),
    NotYet("getRegulation", "GET", "/regulations/{regulate_id:str}"),
    NotYet("listReverseEtlModels", "GET", "/reverse-etl-models"),
    NotYet("createReverseEtlModel", "POST", "/reverse-etl-models"),
    NotYet("deleteReverseEtlModel", "DELETE", "/reverse-etl-models/{model_id:str}"),
    NotYet("getReverseEtlModel", "GET", "/reverse-etl-models/{model_id:str}"),
    NotYet("updateReverseEtlModel", "PATCH", "/reverse-etl-models/{model_id:str}"),
    NotYet(
        "getReverseETLSyncFromModel",
        "GET",
        "/reverse-etl-models/{model_id:str}/syncs/{sync_id:str}",
    ),
    NotYet("createReverseETLManualSync", "POST", "/reverse-etl-syncs"),
    NotYet("createEdgeFunctions", "POST", "/sources/{source_id:str}/edge-functions"),
    NotYet("disableEdgeFunctions", "PATCH", "/sources/{source_id:str}/edge-functions/disable"),
    NotYet("getLatestFromEdgeFunctions", "GET", "/sources/{source_id:str}/edge-functions/latest"),
    NotYet(
        "generateUploadURLForEdgeFunctions",
        "POST",
        "/sources/{source_id:str}/edge-functions/upload-url",
    ),
    NotYet("listSpaces", "GET", "/spaces"),
    NotYet("getSpace", "GET", "/spaces/{space_id:str}"),
    NotYet("listAudiences", "GET", "/spaces/{space_id:str}/audiences"),
    NotYet("removeAudienceFromSpace", "DELETE", "/spaces/{space_id:str}/audiences/{id:str}"),
    NotYet("getAudience", "GET", "/spaces/{space_id:str}/audiences/{id:str}"),
    NotYet("updateAudienceForSpace", "PATCH", "/spaces/{space_id:str}/audiences/{id:str}"),
    NotYet("listComputedTraits", "GET", "/spaces/{space_id:str}/computed-traits"),
    NotYet(
        "removeComputedTraitFromSpace", "DELETE", "/spaces/{space_id:str}/computed-traits/{id:str}"
    ),
    NotYet("getComputedTrait", "GET", "/spaces/{space_id:str}/computed-traits/{id:str}"),
    NotYet(
        "updateComputedTraitForSpace", "PATCH", "/spaces/{space_id:str}/computed-traits/{id:str}"
    ),
    NotYet(
        "replaceMessagingSubscriptionsInSpaces",
        "PUT",
        "/spaces/{space_id:str}/messaging-subscriptions",
    ),
    NotYet(
        "batchQueryMessagingSubscriptionsForSpace",
        "POST",
        "/spaces/{space_id:str}/messaging-subscriptions/batch",
    ),
    NotYet("listProfilesWarehouseInSpace", "GET", "/spaces/{space_id:str}/profiles-warehouses"),
    NotYet("createProfilesWarehouse", "POST", "/spaces/{space_id:str}/profiles-warehouses"),
    NotYet(
        "removeProfilesWarehouseFromSpace",
        "DELETE",
        "/spaces/{space_id:str}/profiles-warehouses/{warehouse_id:str}",
    ),
    NotYet(
        "updateProfilesWarehouseForSpaceWarehouse",
        "PATCH",
        "/spaces/{space_id:str}/profiles-warehouses/{warehouse_id:str}",
    ),
    NotYet(
        "listSelectiveSyncsFromWarehouseAndSpace",
        "GET",
        "/spaces/{space_id:str}/profiles-warehouses/{warehouse_id:str}/selective-syncs",
    ),
    NotYet(
        "updateSelectiveSyncForWarehouseAndSpace",
        "PATCH",
        "/spaces/{space_id:str}/profiles-warehouses/{warehouse_id:str}/selective-syncs",
    ),
    NotYet("listSuppressions", "GET", "/suppressions"),
    NotYet("listTrackingPlans", "GET", "/tracking-plans"),
    NotYet("createTrackingPlan", "POST", "/tracking-plans"),
    NotYet("deleteTrackingPlan", "DELETE", "/tracking-plans/{tracking_plan_id:str}"),
    NotYet("getTrackingPlan", "GET", "/tracking-plans/{tracking_plan_id:str}"),
    NotYet("updateTrackingPlan", "PATCH", "/tracking-plans/{tracking_plan_id:str}"),
    NotYet("removeRulesFromTrackingPlan", "DELETE", "/tracking-plans/{tracking_plan_id:str}/rules"),
    NotYet("listRulesFromTrackingPlan", "GET", "/tracking-plans/{tracking_plan_id:str}/rules"),
    NotYet("updateRulesInTrackingPlan", "PATCH", "/tracking-plans/{tracking_plan_id:str}/rules"),
    NotYet("replaceRulesInTrackingPlan", "PUT", "/tracking-plans/{tracking_plan_id:str}/rules"),
    NotYet(
        "removeSourceFromTrackingPlan", "DELETE", "/tracking-plans/{tracking_plan_id:str}/sources"
    ),
    NotYet("listSourcesFromTrackingPlan", "GET", "/tracking-plans/{tracking_plan_id:str}/sources"),
    NotYet("addSourceToTrackingPlan", "POST", "/tracking-plans/{tracking_plan_id:str}/sources"),
    NotYet("listTransformations", "GET", "/transformations"),
    NotYet("createTransformation", "POST", "/transformations"),
    NotYet("deleteTransformation", "DELETE", "/transformations/{transformation_id:str}"),
    NotYet("getTransformation", "GET", "/transformations/{transformation_id:str}"),
    NotYet("updateTransformation", "PATCH", "/transformations/{transformation_id:str}"),
    NotYet(
        "getAdvancedSyncScheduleFromWarehouse",
        "GET",
        "/warehouses/{warehouse_id:str}/advanced-sync-schedule",
    ),
    NotYet(
        "replaceAdvancedSyncScheduleForWarehouse",
        "PUT",
        "/warehouses/{warehouse_id:str}/advanced-sync-schedule",
    ),
    NotYet(
        "listSelectiveSyncsFromWarehouseAndSource",
        "GET",
        "/warehouses/{warehouse_id:str}/connected-sources/{source_id:str}/selective-syncs",
    ),
    NotYet(
        "updateSelectiveSyncForWarehouse", "PATCH", "/warehouses/{warehouse_id:str}/selective-sync"
    ),
)
