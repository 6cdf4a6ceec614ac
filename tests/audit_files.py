"""Audit files and trade documents with invented parties, for tests of what is read from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

PORTUGUESE: Final = """<?xml version="1.0" encoding="windows-1252"?>
<AuditFile xmlns="urn:OECD:StandardAuditFile-Tax:PT_1.04_01">
  <Header>
    <AuditFileVersion>1.04_01</AuditFileVersion>
    <CompanyID>Lisboa 1</CompanyID>
    <TaxRegistrationNumber>599999993</TaxRegistrationNumber>
    <CompanyName>Padaria São João Lda</CompanyName>
    <ProductID>Contas/Luso</ProductID>
  </Header>
  <MasterFiles>
    <Customer>
      <CustomerID>C1</CustomerID>
      <AccountID>21111</AccountID>
      <CustomerTaxID>501234560</CustomerTaxID>
      <CompanyName>Irmãos
        Conceição, Lda</CompanyName>
      <Contact>Sra. Maria Conceição</Contact>
      <BillingAddress>
        <AddressDetail>Rua da Fé 3</AddressDetail>
        <City>Porto</City>
        <PostalCode>4000-123 Porto</PostalCode>
        <Country>PT</Country>
      </BillingAddress>
      <ShipToAddress>
        <AddressDetail>Rua da Fé 3</AddressDetail>
        <City>Porto</City>
        <PostalCode>4000-123 Porto</PostalCode>
        <Country>PT</Country>
      </ShipToAddress>
      <ShipToAddress>
        <AddressDetail>Cais 9</AddressDetail>
        <City>Gaia</City>
        <PostalCode>4400-001</PostalCode>
        <Country>PT</Country>
      </ShipToAddress>
      <Telephone>222 123 456</Telephone>
      <Email>geral@conceicao.example</Email>
      <SelfBillingIndicator>0</SelfBillingIndicator>
    </Customer>
    <Customer>
      <CustomerID>C2</CustomerID>
      <AccountID>Desconhecido</AccountID>
      <CustomerTaxID>999999990</CustomerTaxID>
      <CompanyName>Café da Esquina</CompanyName>
      <BillingAddress>
        <AddressDetail>Desconhecido</AddressDetail>
        <City>Desconhecido</City>
        <PostalCode>Desconhecido</PostalCode>
        <Country>PT</Country>
      </BillingAddress>
    </Customer>
    <Customer>
      <CustomerID>999999990</CustomerID>
      <CustomerTaxID>999999990</CustomerTaxID>
      <CompanyName>Consumidor final</CompanyName>
    </Customer>
    <Supplier>
      <SupplierID>F1</SupplierID>
      <SupplierTaxID>502345670</SupplierTaxID>
      <CompanyName>Moinhos do Vale SA</CompanyName>
    </Supplier>
    <Product>
      <ProductType>S</ProductType>
      <ProductCode>ENT</ProductCode>
      <ProductGroup>Serviços</ProductGroup>
      <ProductDescription>Entrega ao domicílio</ProductDescription>
      <ProductNumberCode>ENT</ProductNumberCode>
    </Product>
    <Product>
      <ProductType>P</ProductType>
      <ProductCode>PAO</ProductCode>
      <ProductDescription>Pão de centeio</ProductDescription>
      <ProductNumberCode>5601234567897</ProductNumberCode>
    </Product>
  </MasterFiles>
  <SourceDocuments/>
</AuditFile>
"""

DUTCH: Final = """<?xml version="1.0" encoding="UTF-8"?>
<auditfile xmlns="http://www.auditfiles.nl/XAF/3.2">
  <header><softwareDesc>Kasboek</softwareDesc></header>
  <company>
    <companyName>Windmolen BV</companyName>
    <taxRegIdent>NL001234567B01</taxRegIdent>
    <customersSuppliers>
      <customerSupplier>
        <custSupID>130</custSupID>
        <custSupName>Tulpenkwekerij De Vries</custSupName>
        <contact>de heer J.A.M. van Bekkum</contact>
        <telephone>020 7654321</telephone>
        <eMail>info@tulpen.example</eMail>
        <commerceNr>12345678</commerceNr>
        <taxRegistrationCountry>NL</taxRegistrationCountry>
        <taxRegIdent>NL009876543B01</taxRegIdent>
        <custSupTp>C</custSupTp>
        <streetAddress>
          <streetname>Bloemstraat</streetname><number>5</number><numberExtension>a</numberExtension>
          <city>Lisse</city><postalCode>2161 AB</postalCode><country>NL</country>
        </streetAddress>
        <postalAddress>
          <streetname>Postbus 9</streetname><number/>
          <city>Lisse</city><postalCode>2160 AA</postalCode><country>NL</country>
        </postalAddress>
        <bankAccount><bankAccNr>NL00BANK0123456789</bankAccNr></bankAccount>
        <changeInfo><userID>jan</userID></changeInfo>
      </customerSupplier>
      <customerSupplier>
        <custSupID>500</custSupID>
        <custSupName>Klei &amp; Co</custSupName>
        <custSupTp>S</custSupTp>
      </customerSupplier>
      <customerSupplier>
        <custSupID>501</custSupID>
        <custSupName/>
        <contact>Mevr. Ans Smit</contact>
        <custSupTp>B</custSupTp>
      </customerSupplier>
    </customersSuppliers>
    <generalLedger/>
  </company>
</auditfile>
"""

POLISH: Final = """<?xml version="1.0" encoding="UTF-8"?>
<tns:JPK xmlns:tns="http://jpk.mf.gov.pl/wzor/2022/02/17/02171/">
  <tns:Naglowek>
    <tns:KodFormularza kodSystemowy="JPK_FA (4)">JPK_FA</tns:KodFormularza>
    <tns:DataOd>2025-12-01</tns:DataOd><tns:DataDo>2025-12-31</tns:DataDo>
  </tns:Naglowek>
  <tns:Podmiot1><tns:IdentyfikatorPodmiotu>
    <tns:NIP>1234563218</tns:NIP><tns:PelnaNazwa>Młyn Biały sp. z o.o.</tns:PelnaNazwa>
  </tns:IdentyfikatorPodmiotu></tns:Podmiot1>
  {rows}
</tns:JPK>
"""

POLISH_ROW: Final = (
    "<tns:Faktura><tns:P_1>2025-12-0{n}</tns:P_1><tns:P_3A>{name}</tns:P_3A>"
    "<tns:P_3B>{address}</tns:P_3B><tns:P_5B>{number}</tns:P_5B></tns:Faktura>"
)

INVOICE: Final = """<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
    xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
    xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
  <cbc:ID>77</cbc:ID>
  <cbc:IssueDate>2026-01-09</cbc:IssueDate>
  <cac:AccountingSupplierParty><cac:Party>
    <cac:PartyName><cbc:Name>Papirhuset</cbc:Name></cac:PartyName>
    <cac:PartyTaxScheme><cbc:CompanyID>NO987654325MVA</cbc:CompanyID></cac:PartyTaxScheme>
  </cac:Party></cac:AccountingSupplierParty>
  <cac:AccountingCustomerParty>
    <cbc:SupplierAssignedAccountID>10077</cbc:SupplierAssignedAccountID>
    <cac:Party>
      <cac:PartyName><cbc:Name>Lykta kafé</cbc:Name></cac:PartyName>
      <cac:PostalAddress>
        <cbc:StreetName>Torget 1</cbc:StreetName><cbc:CityName>Hamar</cbc:CityName>
        <cbc:PostalZone>2317</cbc:PostalZone>
        <cac:Country><cbc:IdentificationCode>NO</cbc:IdentificationCode></cac:Country>
      </cac:PostalAddress>
      <cac:Contact><cbc:Name>Per Moe</cbc:Name>
        <cbc:ElectronicMail>per@lykta.example</cbc:ElectronicMail></cac:Contact>
    </cac:Party>
  </cac:AccountingCustomerParty>
  <cac:InvoiceLine>
    <cac:Item><cbc:Name>Copy paper A4</cbc:Name>
      <cac:SellersItemIdentification><cbc:ID>PA-080</cbc:ID></cac:SellersItemIdentification>
    </cac:Item>
    <cac:Price><cbc:PriceAmount currencyID="NOK">1.250</cbc:PriceAmount></cac:Price>
  </cac:InvoiceLine>
</Invoice>
"""


def write(folder: Path, text: str, *, encoding: str = "utf-8", name: str = "file.xml") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def invoices(*rows: Sequence[str]) -> str:
    """A Polish audit file of invoices to buyers: name, address and tax number of each."""
    listed = [
        POLISH_ROW.format(n=n, name=name, address=address, number=number)
        for n, (name, address, number) in enumerate(rows, start=1)
    ]
    return POLISH.format(rows="\n".join(listed))
