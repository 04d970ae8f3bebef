//! Registrations in the US: A2P 10DLC campaigns and verifications of toll-free numbers.

use axum::{
    Extension,
    extract::{Path, Query, State as Axum},
    response::Response,
};
use serde_json::json;

use super::answers::{Caller, Refusal, THEN, answer, page};
use crate::{
    twilio::{account::Twilio, ids::ACCOUNT_SID, parameters::Pairs},
    wire::lock,
};

impl Twilio {
    /// Sets the status of a service's A2P 10DLC campaign (`PENDING`, `IN_PROGRESS`, `VERIFIED`,
    /// `FAILED`, `SUSPENDED`); `None`: no campaign. At first [`crate::twilio::MESSAGING_SERVICE`] has a campaign
    /// that is `VERIFIED`.
    pub fn set_a2p_status(&self, sid: &str, status: Option<&str>) {
        lock(&self.shared.state).admin.service_mut(sid).campaign = status.map(str::to_owned);
    }

    /// Sets the status of a toll-free number's verification: `PENDING_REVIEW`, `IN_REVIEW`,
    /// `TWILIO_APPROVED`, `TWILIO_REJECTED`. At first a number has no verification.
    pub fn set_tollfree_verification(&self, number: &str, status: &str) {
        let tollfree = &mut lock(&self.shared.state).admin.tollfree;
        tollfree.retain(|[other, _]| other != number);
        tollfree.push([number, status].map(str::to_owned));
    }
}

pub(super) async fn campaigns(
    (Axum(shared), Extension(complaints), headers): Caller,
    Path(sid): Path<String>,
    Query(query): Query<Pairs>,
) -> Response {
    answer(&shared, &complaints, &headers, |state| {
        let Some(service) = state.admin.service(&sid) else {
            return Err(Refusal::Missing(format!("/Services/{sid}")));
        };
        let path = format!("Services/{sid}/Compliance/Usa2p");
        let campaign = |status: &String| {
            json!({
                "sid": "QE2c6890da8086d771620e9b13fadeba0b", "account_sid": ACCOUNT_SID, "messaging_service_sid": sid, "campaign_status": status,
                "us_app_to_person_usecase": "2FA", "description": "Verification codes and links", "campaign_id": "CFOOBAR", "mock": false,
                "brand_registration_sid": "BN00000000000000000000000000000001", "date_created": THEN, "date_updated": THEN, "errors": [],
                "url": format!("https://messaging.twilio.com/v1/{path}/QE2c6890da8086d771620e9b13fadeba0b"),
            })
        };
        let campaigns = service.campaign.iter().map(campaign).collect::<Vec<_>>();
        page(&path, "compliance", &campaigns, query, &[]).map_err(|what| Refusal::Odd(20001, what))
    })
}

pub(super) async fn verifications(
    (Axum(shared), Extension(complaints), headers): Caller,
    Query(query): Query<Pairs>,
) -> Response {
    answer(&shared, &complaints, &headers, |state| {
        let asked = |name: &str| {
            query
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
        };
        let (number_sid, asked_status) = (asked("TollfreePhoneNumberSid"), asked("Status"));
        let verification = |[number, status]: &[String; 2]| {
            let sid = &state.numbers.get(number)?.sid;
            let wanted = number_sid.as_ref().is_none_or(|asked| asked == sid);
            (wanted && asked_status.as_ref().is_none_or(|asked| asked == status)).then(|| {
                json!({
                    "sid": format!("HH{}", &sid[2..]), "account_sid": ACCOUNT_SID, "tollfree_phone_number_sid": sid, "status": status,
                    "business_name": "Acme", "date_created": THEN, "date_updated": THEN, "rejection_reason": null, "error_code": null,
                })
            })
        };
        let verifications = state
            .admin
            .tollfree
            .iter()
            .filter_map(verification)
            .collect::<Vec<_>>();
        let known = ["TollfreePhoneNumberSid", "Status"];
        page(
            "Tollfree/Verifications",
            "verifications",
            &verifications,
            query,
            &known,
        )
        .map_err(|what| Refusal::Odd(20001, what))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twilio::{MESSAGING_SERVICE, admin::api::Api};

    #[tokio::test]
    async fn a_campaign_has_a_status() {
        let api = Api::start().await;
        let campaigns = format!("/v1/Services/{MESSAGING_SERVICE}/Compliance/Usa2p");
        assert_eq!(
            api.get(&campaigns).await["compliance"][0]["campaign_status"],
            "VERIFIED"
        );
        api.0.set_a2p_status(MESSAGING_SERVICE, Some("FAILED"));
        assert_eq!(
            api.get(&campaigns).await["compliance"][0]["campaign_status"],
            "FAILED"
        );
        api.0.set_a2p_status(MESSAGING_SERVICE, None);
        assert_eq!(api.get(&campaigns).await["compliance"], json!([]));
        assert_eq!(api.0.server().complaints(), [""; 0]);
    }

    #[tokio::test]
    async fn a_toll_free_number_is_verified() {
        let api = Api::start().await;
        let sid = api.0.own("+18005550100", &[]);
        assert_eq!(
            api.get("/v1/Tollfree/Verifications").await["verifications"],
            json!([])
        );
        api.0.set_tollfree_verification("+18005550100", "IN_REVIEW");
        let verifications = api
            .get(&format!(
                "/v1/Tollfree/Verifications?PageSize=9&TollfreePhoneNumberSid={sid}"
            ))
            .await;
        assert_eq!(verifications["verifications"][0]["status"], "IN_REVIEW");
        assert_eq!(
            api.get("/v1/Tollfree/Verifications?Status=TWILIO_APPROVED")
                .await["verifications"],
            json!([])
        );
        assert_eq!(api.0.server().complaints(), [""; 0]);
    }
}
