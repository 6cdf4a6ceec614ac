"""Products in a real browser: a price list is made, the sample goes into it, the CRM is looked at."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from crmkit.serve import Running
from crmkit.workspace import Workspace
from tests.browser.test_dashboard import choose_file, next_step, visit

pytestmark = pytest.mark.browser


@pytest.mark.timeout(300)
def test_products_go_into_a_new_price_list(
    page: Page, voila: Running, sample_workspace: Path, screenshots: Path
) -> None:
    visit(page, voila)
    page.get_by_role("button", name="New import").click()
    page.get_by_label("What does it hold?").select_option("Products")
    choose_file(page, "products.xlsx")
    expect(page.get_by_text("products.xlsx: 8 rows")).to_be_visible()
    expect(page.get_by_role("button", name="Next")).to_be_disabled()

    page.get_by_label("Name:", exact=True).fill("Standard 2026")
    page.get_by_label("Currency:").select_option("NOK - Norwegian Krone")
    page.get_by_role("button", name="Create price list").click()
    expect(page.get_by_label("Import to price list:")).to_contain_text("Standard 2026 (NOK)")
    page.screenshot(path=screenshots / "products-source.png")

    next_step(page, "Map the columns")
    expect(page.get_by_label("Listepris", exact=True)).to_have_value(":product.list_price")
    expect(page.get_by_text("Product: List price: mapped")).to_be_visible()
    next_step(page, "Import settings")
    page.get_by_label("Duplicate match:").first.select_option("Name + code")
    expect(page.get_by_label("Duplicate match:")).to_have_count(1)
    page.screenshot(path=screenshots / "products-settings.png")
    next_step(page, "Preview")
    expect(page.get_by_role("grid").get_by_role("row").nth(3)).to_be_visible()
    page.screenshot(path=screenshots / "products-preview.png")
    page.get_by_role("button", name="Import …").click()
    page.get_by_role("button", name="Import now").click()

    expect(
        page.get_by_text("Price list Standard 2026 (NOK): it holds 6 products now.")
    ).to_be_visible()
    page.screenshot(path=screenshots / "products-result.png")
    workspace = Workspace.open(sample_workspace)
    (price_list,) = workspace.price_lists()
    assert (price_list.name, price_list.currency, price_list.products) == (
        "Standard 2026",
        "NOK",
        6,
    )
    prices = workspace.query("select code, list_price from crm.product where price_list_id = 1")
    assert dict(prices.itertuples(index=False, name=None))["D-200"] == 1500.0
    assert dict(workspace.record_counts())["Companies"] == 200
    page.get_by_role("button", name="Home").click()
    expect(page.get_by_text("6 products and 1 price list.")).to_be_visible()
